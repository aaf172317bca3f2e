import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.data.augmentations import AUGMENTATIONS, draw_choices
from ofa_tf.data.preprocessing import IMAGE_MEAN, IMAGE_STD, cut, cut_center, finish, normalize, resize_box
from tests.support.images import random_image


def _choose(name, num=500):
    return draw_choices(np.random.default_rng(0), num, AUGMENTATIONS[name])


def test_normalize_subtracts_the_mean_and_divides_by_the_deviation():
    images = random_image(0)[np.newaxis]
    expected = (images.astype(float) - IMAGE_MEAN) / IMAGE_STD
    for result in (normalize(images), normalize(tf.constant(images)).numpy(), normalize(images.astype(np.float64))):
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [5, 12, 40])
def test_whole_image_is_resized_like_tensorflows_antialiased_resize(size):
    image = random_image(1)
    expected = tf.image.resize(image, (size, size), antialias=True)
    np.testing.assert_allclose(cut_center(tf.constant(image), tf.constant(size), None), expected, atol=1e-3)


def test_box_of_whole_pixels_enlarges_like_the_cut_out_image():
    image = random_image(2, 20, 30)
    inner = slice(8, -8)  # off the border, where the surrounding pixels come in
    expected = tf.image.resize(image[4:12, 6:14], (32, 32)).numpy()
    result = resize_box(tf.constant(image), tf.constant([4.0, 6.0]), tf.constant([8.0, 8.0]), tf.constant(32)).numpy()
    np.testing.assert_allclose(result[inner, inner], expected[inner, inner], atol=1e-3)


def test_center_cut_keeps_the_central_square_of_the_shorter_side():
    image = np.zeros((64, 100, 3), np.uint8)
    image[4:60, 22:78] = 200  # 56 = 0.875 x 64
    result = cut_center(tf.constant(image), tf.constant(56), 0.875).numpy()
    np.testing.assert_allclose(result, 200, atol=1e-3)


def test_crops_stay_within_the_image():
    white = tf.fill((20, 60, 3), tf.constant(255, tf.uint8))
    for row in _choose("imagenet", 50):
        np.testing.assert_allclose(cut(white, row, tf.constant(8), AUGMENTATIONS["imagenet"]), 255, atol=1e-3)


def test_no_augmentation_is_the_whole_image():
    image, size = tf.constant(random_image(3)), tf.constant(8)
    result = cut(image, _choose("none")[0], size, AUGMENTATIONS["none"])
    np.testing.assert_array_equal(result, cut_center(image, size, None))


def test_flip_mirrors_left_and_right():
    images = tf.constant(np.stack([random_image(4, 8, 8)] * 2), tf.float32)
    rows = np.array([[1, 1, 0, 0, 0, 1, 1], [1, 1, 0, 0, 1, 1, 1]], np.float32)
    kept, flipped = finish(images, tf.constant(rows), AUGMENTATIONS["imagenet"]).numpy()
    np.testing.assert_allclose(flipped, kept[:, ::-1], atol=1e-6)


def test_brightness_and_saturation_follow_the_formulas_of_torchvision():
    image = random_image(5, 8, 8).astype(np.float32)
    row = np.array([[1, 1, 0, 0, 0, 1.1, 0.6]], np.float32)
    bright = np.clip(image * 1.1, 0, 255)
    gray = (bright @ np.array([0.299, 0.587, 0.114]))[..., np.newaxis]
    expected = normalize(np.clip(0.6 * bright + 0.4 * gray, 0, 255))
    result = finish(tf.constant(image[np.newaxis]), tf.constant(row), AUGMENTATIONS["imagenet"])[0]
    np.testing.assert_allclose(result, expected, atol=1e-4)
