import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.data.augmentations import (
    AUGMENTATIONS,
    BRIGHTNESS,
    CROP_HEIGHTS,
    CROP_PLACE,
    CROP_WIDTHS,
    IS_FLIPPED,
    NUM_CHOICES,
    SATURATION,
    draw_choices,
)
from ofa_tf.data.preprocessing import augment, choose_box, choose_crop, evaluation_image, training_image
from ofa_tf.data.resizing import resize_box, to_image
from tests.support.images import normalized, random_image


def _choose(name, num=500):
    return draw_choices(np.random.default_rng(0), num, AUGMENTATIONS[name])


def _row(*values):
    """Choices that change nothing, but for the values of some columns."""
    row = np.zeros(NUM_CHOICES, np.float32)
    row[CROP_HEIGHTS] = row[CROP_WIDTHS] = 1
    row[[BRIGHTNESS, SATURATION]] = 1
    for columns, value in values:
        row[columns] = value
    return row


def _cut(image, row, size, name):
    """The image of `training_image` before colours change."""
    start, box_sides = choose_box(tf.cast(tf.shape(image)[:2], tf.float32), row, AUGMENTATIONS[name])
    return to_image(resize_box(image, start, box_sides, tf.constant(size)))


def _augment(image, row):
    columns = tf.transpose(tf.cast(image, tf.float32), [1, 2, 0])
    return augment(columns, tf.constant(row), AUGMENTATIONS["imagenet"]).numpy()


def _crop_of_torchvision(rng, height, width, areas=(0.08, 1.0), aspects=(3 / 4, 4 / 3)):
    """Sides of a crop by the rule of torchvision's `RandomResizedCrop`, but for the rounding to whole pixels."""
    for _ in range(10):
        area = height * width * rng.uniform(*areas)
        aspect = np.exp(rng.uniform(*np.log(aspects)))
        crop_height, crop_width = np.sqrt(area / aspect), np.sqrt(area * aspect)
        if crop_height <= height and crop_width <= width:
            return crop_height, crop_width
    if width / height < aspects[0]:
        return width / aspects[0], width
    if width / height > aspects[1]:
        return height, height * aspects[1]
    return height, width


@pytest.mark.parametrize("size", [5, 12, 40])
def test_whole_image_is_resized_like_tensorflows_antialiased_resize(size):
    image = random_image(1)
    expected = normalized(tf.image.resize(image, (size, size), antialias=True))
    result = evaluation_image(tf.constant(image), tf.constant(size), None)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=1e-4)


def test_box_of_whole_pixels_enlarges_like_the_cut_out_image():
    image = random_image(2, 20, 30)
    inner = slice(8, -8)  # off the border, where the surrounding pixels come in
    expected = tf.image.resize(image[4:12, 6:14], (32, 32)).numpy()
    box = tf.constant([4.0, 6.0]), tf.constant([8.0, 8.0])
    result = to_image(resize_box(tf.constant(image), *box, tf.constant(32))).numpy()
    np.testing.assert_allclose(result[inner, inner], expected[inner, inner], atol=1e-3)


def test_center_cut_keeps_the_central_square_of_the_shorter_side():
    image = np.zeros((64, 100, 3), np.uint8)
    image[4:60, 22:78] = 200  # 56 = 0.875 x 64
    result = evaluation_image(tf.constant(image), tf.constant(56), 0.875).numpy()
    np.testing.assert_allclose(result, np.broadcast_to(normalized([200] * 3), result.shape), atol=1e-4)


def test_crops_stay_within_the_image():
    white = tf.fill((20, 60, 3), tf.constant(255, tf.uint8))
    for row in _choose("imagenet", 50):
        np.testing.assert_allclose(_cut(white, row, 8, "imagenet"), 255, atol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 375), (100, 400)])
def test_crops_are_redrawn_as_in_torchvision(height, width):
    num = 4000
    rng = np.random.default_rng(1)
    expected = np.array([_crop_of_torchvision(rng, height, width) for _ in range(num)])
    aspects = AUGMENTATIONS["imagenet"].aspects
    sides = tf.constant([height, width], tf.float32)

    @tf.function
    def crop(choices):
        return choose_crop(sides, choices, aspects)

    starts, crops = (np.array(values) for values in zip(*map(crop, _choose("imagenet", num)), strict=True))
    assert (starts >= 0).all()
    assert (starts + crops <= np.array([height, width]) + 1e-3).all()
    total = height * width
    for quantile in (0.1, 0.3, 0.5, 0.7, 0.9):
        area = np.quantile(crops.prod(axis=1) / total, quantile)
        assert area == pytest.approx(np.quantile(expected.prod(axis=1) / total, quantile), abs=0.02)
    assert np.mean(crops[:, 1] / crops[:, 0]) == pytest.approx(np.mean(expected[:, 1] / expected[:, 0]), abs=0.02)


def test_an_image_that_no_crop_fits_into_is_cut_in_its_middle():
    row = _row((CROP_HEIGHTS, 1.2), (CROP_WIDTHS, 0.9), (CROP_PLACE, 0))
    start, sides = choose_crop(tf.constant([30.0, 120.0]), tf.constant(row), (3 / 4, 4 / 3))
    np.testing.assert_allclose(sides, [30, 40])
    np.testing.assert_allclose(start, [0, 40])


def test_padded_images_are_moved_by_whole_pixels_over_black():
    image = random_image(6, 32, 32)
    padded = np.pad(image, ((4, 4), (4, 4), (0, 0)))
    places = set()
    for row in _choose("cifar", 300):
        top, left = np.floor(row[CROP_PLACE] * 9).astype(int)
        result = _cut(tf.constant(image), tf.constant(row), 32, "cifar")
        np.testing.assert_allclose(result, padded[top : top + 32, left : left + 32], atol=1e-3)
        places.add((top, left))
    assert {top for top, _ in places} == set(range(9))


def test_no_augmentation_is_the_whole_image():
    image, size = tf.constant(random_image(3)), tf.constant(8)
    result = training_image(image, _choose("none")[0], size, AUGMENTATIONS["none"])
    np.testing.assert_array_equal(result, evaluation_image(image, size, None))


def test_flip_mirrors_left_and_right():
    image = random_image(4, 8, 8)
    kept = _augment(image, _row())
    flipped = _augment(image, _row((IS_FLIPPED, 1)))
    np.testing.assert_array_equal(flipped, kept[:, ::-1])


def test_brightness_and_saturation_follow_the_formulas_of_torchvision():
    image = random_image(5, 8, 8).astype(np.float32)
    bright = np.clip(image * 1.1, 0, 255)
    gray = (bright @ np.array([0.299, 0.587, 0.114]))[..., np.newaxis]
    expected = normalized(np.clip(0.6 * bright + 0.4 * gray, 0, 255))
    result = _augment(image, _row((BRIGHTNESS, 1.1), (SATURATION, 0.6)))
    np.testing.assert_allclose(result, expected, atol=1e-4)
