import numpy as np
from sklearn.datasets import load_digits

from ofa_tf.data.image_source import ImageSource
from ofa_tf.data.sources import open_source


def test_digits_have_1438_training_and_359_test_images_some_held_out_for_validation(digits):
    sizes = {split: digits.num_examples(split) for split in digits.splits}
    assert sizes == {"train": 1294, "validation": 144, "test": 359}
    assert digits.class_names == tuple("0123456789")
    assert digits.num_classes == 10


def test_digits_test_split_has_the_class_balance_of_the_whole(digits):
    test = np.bincount(digits.in_memory("test").labels.numpy())
    whole = np.bincount(load_digits().target)
    np.testing.assert_allclose(test, whole * 359 / 1797, atol=1)


def test_every_digit_of_scikit_learn_is_in_exactly_one_split(digits):
    found = sorted(key for split in digits.splits for key in _keys(digits, split))
    original = load_digits()
    images = np.round(original.images * (255 / 16)).astype(np.uint8)
    assert found == sorted((int(label), image.tobytes()) for image, label in zip(images, original.target, strict=True))


def test_digits_are_8x8_rgb_with_three_equal_channels(digits):
    for image, _ in digits.examples("train").take(3).as_numpy_iterator():
        assert image.shape == (8, 8, 3)
        assert image.dtype == np.uint8
        assert (image == image[..., :1]).all()


def test_prepared_digits_open_again_in_the_same_order(digits, tfds_dir):
    again = open_source("digits", data_dir=tfds_dir)
    assert _keys(again, "validation") == _keys(digits, "validation")


def _keys(source: ImageSource, split: str) -> list[tuple[int, bytes]]:
    return [(int(label), image[..., 0].tobytes()) for image, label in source.examples(split).as_numpy_iterator()]
