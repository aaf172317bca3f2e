"""Resizing a part of an image, with antialiasing.

TensorFlow's `ScaleAndTranslate` first resizes from top to bottom, then from left to
right. The first is fast, as whole rows are added up; the second handles the three values of
one pixel at a time and takes most of the time. Here it is used for the first direction
only, twice, with the image turned in between, which gives the same numbers bit for bit.

Turned, the image lies column by column: its *columns* are `(width, 3, height)`. Whatever is
done to every pixel is fast there, too: a channel is a run of values one after the other, where
three neighbours in memory otherwise belong to three channels. Hence the result is handed out
as columns, and `to_image` turns them back.
"""

import tensorflow as tf

NUM_CHANNELS = 3


def resize_box(
    image: tf.Tensor,
    start: tf.Tensor,
    box_sides: tf.Tensor,
    size: tf.Tensor,
) -> tf.Tensor:
    """Resize a part of an image, bilinear, with antialiasing where it shrinks.

    Antialiasing as in Pillow, with which the reference resizes. The part may
    begin and end between pixels, which matters for images of few pixels, and
    outside of the image, which is black there.

    Args:
        image: uint8, shape `(height, width, 3)`.
        start: Top and left of the part, pixels, float32 `(2,)`.
        box_sides: Height and width of the part, pixels, float32 `(2,)`.
        size: Height and width of the result, pixels.

    Returns:
        The columns of the result: float32 in 0..255, shape `(size, 3, size)`.
    """
    sides = tf.shape(image)
    height, width = sides[0], sides[1]
    scales = tf.cast(size, tf.float32) / box_sides
    translations = -start * scales

    values = tf.reshape(image, [1, height, 1, width * NUM_CHANNELS])
    rows = _resize_first_side(values, size, scales[0], translations[0])

    columns = tf.transpose(tf.reshape(rows, [size, width * NUM_CHANNELS]))
    values = tf.reshape(columns, [1, width, 1, NUM_CHANNELS * size])
    columns = _resize_first_side(values, size, scales[1], translations[1])
    return tf.reshape(columns, [size, NUM_CHANNELS, size])


def to_image(columns: tf.Tensor) -> tf.Tensor:
    """The image `(height, width, 3)` of columns `(width, 3, height)`."""
    sides = tf.shape(columns)
    width, height = sides[0], sides[2]
    rows = tf.transpose(tf.reshape(columns, [width * NUM_CHANNELS, height]))
    image = tf.reshape(rows, [height, width, NUM_CHANNELS])
    return tf.ensure_shape(image, (None, None, NUM_CHANNELS))


def reach(box_sides: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """How far outside of a part `resize_box` looks, at most: pixels, float32 `(2,)`."""
    pixels_per_pixel = box_sides / tf.cast(size, tf.float32)
    return tf.maximum(pixels_per_pixel, 1.0)


def _resize_first_side(
    values: tf.Tensor,
    size: tf.Tensor,
    scale: tf.Tensor,
    translation: tf.Tensor,
) -> tf.Tensor:
    """Resize an image `(1, n, 1, m)`, of width 1 and of m channels, which are added up at once: `(1, size, 1, m)`."""
    return tf.raw_ops.ScaleAndTranslate(
        images=values,
        size=tf.stack([size, 1]),
        scale=tf.stack([scale, 1.0]),
        translation=tf.stack([translation, 0.0]),
        kernel_type="triangle",
        antialias=True,
    )
