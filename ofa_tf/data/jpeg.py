"""Decoding what is cut out of a JPEG, and as finely as it is needed.

A JPEG is a stream of compressed blocks of 8 x 8 values. Those before the part that is
wanted have to be read, as their lengths are not known beforehand, but need not be turned
into pixels; those below it need not even be read. The pixels are those of the whole image,
decoded.

A decoder can also turn each block into 4 x 4 or 2 x 2 pixels, or into a single one. Resized, such
an image differs a little from the whole one, so this is done only where it saves most, with
large photographs (`_MIN_PIXELS_PER_PIXEL`).
"""

import functools

import tensorflow as tf

from ofa_tf.data.resizing import NUM_CHANNELS, reach

_FIRST_BYTES = b"\xff\xd8\xff"
_LAST_BYTES = b"\xff\xd9"

# How many times smaller, in each direction, an image can become by decoding.
_RATIOS = (1, 2, 4, 8)

# Of an image that was decoded to a smaller one, at least so many pixels in each direction make one of the result. The
# result is then off by as much as two ways to decode a JPEG are from each other (docs/decisions/013-data-pipeline.md).
_MIN_PIXELS_PER_PIXEL = 2

# Colours are stored for every other pixel, as a rule, and interpolated: those at the edge of what is decoded are wrong.
_MARGIN = 2


def is_complete_jpeg(content: tf.Tensor) -> tf.Tensor:
    """Whether an encoded image begins and ends as a JPEG does.

    Of one that was cut short, the crop would decide whether the damage is noticed.
    """
    last_position = tf.maximum(tf.strings.length(content) - len(_LAST_BYTES), 0)
    begins = tf.strings.substr(content, 0, len(_FIRST_BYTES)) == _FIRST_BYTES
    ends = tf.strings.substr(content, last_position, len(_LAST_BYTES)) == _LAST_BYTES
    return begins & ends


def jpeg_sides(content: tf.Tensor) -> tf.Tensor:
    """Height and width of a JPEG, pixels, float32 `(2,)`, from its first bytes."""
    shape = tf.image.extract_jpeg_shape(content)
    return tf.cast(shape[:2], tf.float32)


def decode_box(
    content: tf.Tensor,
    sides: tf.Tensor,
    start: tf.Tensor,
    box_sides: tf.Tensor,
    size: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Decode what `resize_box` needs for a part of a JPEG.

    Args:
        content: A JPEG.
        sides: Its `jpeg_sides`.
        start: Top and left of the part, pixels, float32 `(2,)`.
        box_sides: Height and width of the part, pixels, float32 `(2,)`.
        size: Height and width that the part will be resized to, pixels.

    Returns:
        An image, uint8 `(height, width, 3)`, perhaps of fewer and larger pixels, and
        where the part starts in it and how large it is there.
    """
    ratio_number = _choose_ratio(box_sides, size)
    ratio = tf.gather(tf.constant(_RATIOS, tf.float32), ratio_number)
    start /= ratio
    box_sides /= ratio

    image_sides = tf.math.ceil(sides / ratio)
    margin = reach(box_sides, size) + _MARGIN
    first = tf.maximum(tf.floor(start - margin), 0.0)
    end = tf.minimum(tf.math.ceil(start + box_sides + margin), image_sides)
    window = tf.cast(tf.concat([first, end - first], axis=0), tf.int32)

    decoders = [functools.partial(_decode_window, content, window, ratio) for ratio in _RATIOS]
    image = tf.switch_case(ratio_number, decoders)
    return tf.ensure_shape(image, (None, None, NUM_CHANNELS)), start - first, box_sides


def _choose_ratio(box_sides: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """The number in `_RATIOS` of the largest that leaves enough pixels."""
    pixels_per_pixel = tf.reduce_min(box_sides) / tf.cast(size, tf.float32)
    smaller_ones = tf.constant(_RATIOS[1:], tf.float32)
    leave_enough = pixels_per_pixel / smaller_ones >= _MIN_PIXELS_PER_PIXEL
    return tf.reduce_sum(tf.cast(leave_enough, tf.int32))


def _decode_window(
    content: tf.Tensor,
    window: tf.Tensor,
    ratio: int,
) -> tf.Tensor:
    """Decode a window (top, left, height, width) of a JPEG that is made `ratio` times smaller."""
    return tf.io.decode_and_crop_jpeg(content, window, channels=NUM_CHANNELS, ratio=ratio)
