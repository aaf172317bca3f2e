import subprocess
import sys

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.data.augmentations import (
    AUGMENTATIONS,
    BRIGHTNESS,
    CROP_HEIGHTS,
    CROP_WIDTHS,
    IS_FLIPPED,
    SATURATION,
    Augmentation,
    draw_choices,
    get_augmentation,
)


def _choose(name, num=500):
    return draw_choices(np.random.default_rng(0), num, get_augmentation(name))


def test_imagenet_crops_have_the_areas_and_aspects_of_the_recipe():
    choices = _choose("imagenet", 5000)
    area = choices[:, CROP_HEIGHTS] * choices[:, CROP_WIDTHS]
    aspect = choices[:, CROP_WIDTHS] / choices[:, CROP_HEIGHTS]
    assert area.min() >= 0.08 - 1e-6
    assert area.max() <= 1 + 1e-6
    assert area.mean() == pytest.approx(0.54, abs=0.02)
    assert 0.75 - 1e-6 <= aspect.min() < 0.76
    assert 1.32 < aspect.max() <= 4 / 3 + 1e-6
    assert choices[:, IS_FLIPPED].mean() == pytest.approx(0.5, abs=0.03)
    assert abs(choices[:, BRIGHTNESS] - 1).max() == pytest.approx(32 / 255, abs=0.01)
    assert abs(choices[:, SATURATION] - 1).max() == pytest.approx(0.5, abs=0.01)


def test_digit_crops_are_never_flipped_nor_coloured():
    choices = _choose("crop")
    assert (choices[:, IS_FLIPPED] == 0).all()
    assert (choices[:, [BRIGHTNESS, SATURATION]] == 1).all()
    assert (choices[:, CROP_HEIGHTS] * choices[:, CROP_WIDTHS]).min() >= 0.75 - 1e-6


def test_the_choices_of_an_example_depend_on_no_other_example():
    np.testing.assert_array_equal(_choose("imagenet", 20)[:10], _choose("imagenet", 10))


def test_two_ways_to_cut_are_refused():
    with pytest.raises(InputError, match=r"Received: areas=\(0.5, 1.0\), padding=0.1. Leave one out"):
        Augmentation(areas=(0.5, 1.0), padding=0.1)


def test_unknown_augmentation_lists_the_known_ones():
    with pytest.raises(
        InputError, match=r"one of none, crop, cifar, imagenet. Received: augmentation='randaugment'. If it"
    ):
        get_augmentation("randaugment")


def test_an_augmentation_that_is_registered_is_found(monkeypatch):
    monkeypatch.setattr(AUGMENTATIONS, "_entries", dict(AUGMENTATIONS._entries))
    flipped = AUGMENTATIONS.register("flip", Augmentation(flip=True))
    assert get_augmentation("flip") is flipped
    assert 0 < _choose("flip")[:, IS_FLIPPED].mean() < 1


def test_augmentations_are_known_without_tensorflow():
    code = "import sys, ofa_tf.data.augmentations; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
