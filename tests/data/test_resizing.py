import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.data.resizing import reach, resize_box, to_image
from tests.support.images import random_image

# Boxes (top, left, height, width) in an image of 40 x 60 pixels, and sizes to resize them to.
_CASES = [
    ((0.0, 0.0, 40.0, 60.0), 16),
    ((0.0, 0.0, 40.0, 60.0), 64),
    ((3.25, 10.5, 20.75, 17.3), 24),
    ((-4.0, 6.0, 40.0, 60.0), 40),
    ((5.5, 50.0, 30.0, 4.0), 8),
]


def _resize_directly(image: np.ndarray, box: tuple[float, ...], size: int) -> np.ndarray:
    """Resize a part of an image in both directions at once."""
    start, box_sides = np.array(box[:2], np.float32), np.array(box[2:], np.float32)
    scale = np.float32(size) / box_sides
    resized = tf.raw_ops.ScaleAndTranslate(
        images=image[np.newaxis],
        size=[size, size],
        scale=scale,
        translation=-start * scale,
        kernel_type="triangle",
        antialias=True,
    )
    return resized[0].numpy()


@pytest.mark.parametrize(("box", "size"), _CASES)
def test_numbers_are_those_of_both_directions_at_once(box, size):
    image = random_image(0, 40, 60)
    columns = resize_box(tf.constant(image), tf.constant(box[:2]), tf.constant(box[2:]), tf.constant(size))
    assert columns.shape == (size, 3, size)
    np.testing.assert_array_equal(to_image(columns), _resize_directly(image, box, size))


def test_columns_are_turned_back_into_an_image():
    image = random_image(1, 5, 7)
    np.testing.assert_array_equal(to_image(tf.transpose(image, [1, 2, 0])), image)


@pytest.mark.parametrize("size", [5, 10, 30])
def test_pixels_out_of_reach_do_not_matter(size):
    image = np.full((60, 60, 3), 255, np.uint8)
    start, box_sides = tf.constant([20.0, 25.0]), tf.constant([15.0, 10.0])
    first = np.floor(start - reach(box_sides, tf.constant(size))).astype(int)
    end = np.ceil(start + box_sides + reach(box_sides, tf.constant(size))).astype(int)
    image[first[0] : end[0], first[1] : end[1]] = 100
    columns = resize_box(tf.constant(image), start, box_sides, tf.constant(size))
    np.testing.assert_allclose(columns, 100, atol=1e-3)
