import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.data.batches import train_batches
from ofa_tf.data.image_source import ImageSource
from ofa_tf.studies.nas.images import open_source_of
from ofa_tf.studies.nas.search_task import SearchTask
from ofa_tf.studies.nas.training_halves import TrainingHalf


@pytest.fixture(scope="module")
def source(task: SearchTask) -> ImageSource:
    return open_source_of(task.config)


def _images(source: ImageSource, epoch: int = 0) -> set[bytes]:
    """The images of an epoch of batches of one, as they are."""
    batches = train_batches(
        source,
        batch_size=1,
        epoch=epoch,
        seed=0,
        image_sizes=[16] * source.num_examples("train"),
        augmentation="none",
    )
    return {images.numpy().tobytes() for images, _ in batches}


@pytest.mark.parametrize("is_in_memory", [True, False])
def test_the_halves_have_all_images_and_none_in_common_in_every_epoch(
    source: ImageSource, is_in_memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    halves = [TrainingHalf(source, half) for half in range(2)]
    if not is_in_memory:
        for each in (*halves, source):
            monkeypatch.setattr(each, "in_memory", lambda split: None)
    first, second = (_images(half) for half in halves)
    assert len(first) + len(second) == source.num_examples("train")
    assert not first & second
    assert first | second == _images(source)
    assert _images(halves[0], epoch=1) == first
    assert halves[0].num_examples("train") == len(first)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_other_splits_are_whole(source: ImageSource, split: str) -> None:
    half = TrainingHalf(source, 1)
    assert half.num_examples(split) == source.num_examples(split)
    own = list(half.examples(split))
    whole = list(source.examples(split))
    for (image, label), (expected_image, expected_label) in zip(own, whole, strict=True):
        np.testing.assert_array_equal(image, expected_image)
        assert label == expected_label


def test_labels_stay_with_their_images(source: ImageSource) -> None:
    whole = list(source.examples("train"))
    own = list(TrainingHalf(source, 1).examples("train"))
    for (image, label), (expected_image, expected_label) in zip(own, whole[1::2], strict=True):
        np.testing.assert_array_equal(image, expected_image)
        tf.debugging.assert_equal(label, expected_label)
