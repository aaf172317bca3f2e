"""Turning upright what a camera stored as it was held.

An image and its orientation (`exif.py`) make the upright image in three steps, of which an orientation takes some: the
order of the stored rows is reversed, then that of the stored columns, then rows and columns are exchanged. A square of
a few pixels is turned faster than a photograph, so what is to be cut out of the upright image is looked up in the
stored one, cut out there, resized and turned at the end.

An orientation of `None` stands for images that are all upright, for which nothing is done.
"""

import tensorflow as tf

_REVERSING_ROWS = (3, 4, 6, 7)
_REVERSING_COLUMNS = (2, 3, 7, 8)
_EXCHANGING = (5, 6, 7, 8)


def turn_image(image: tf.Tensor, orientation: tf.Tensor | None) -> tf.Tensor:
    """The upright image of a stored one, both `(height, width, 3)`."""
    if orientation is None:
        return image
    turned = _turn(image, orientation, row_axis=0, column_axis=1)
    return tf.ensure_shape(turned, (None, None, 3))


def turn_columns(columns: tf.Tensor, orientation: tf.Tensor | None) -> tf.Tensor:
    """The columns of the upright image from those of a stored one, both `(width, 3, height)`; see `resizing.py`."""
    if orientation is None:
        return columns
    return _turn(columns, orientation, row_axis=2, column_axis=0)


def turn_sides(sides: tf.Tensor, orientation: tf.Tensor | None) -> tf.Tensor:
    """Height and width of the upright image from those of the stored one, or the other way round: `(2,)`."""
    if orientation is None:
        return sides
    return tf.where(_is_in(orientation, _EXCHANGING), tf.reverse(sides, [0]), sides)


def stored_box(
    start: tf.Tensor,
    box_sides: tf.Tensor,
    sides: tf.Tensor,
    orientation: tf.Tensor | None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Where a part of the upright image lies in the stored one.

    Args:
        start: Top and left of the part of the upright image, pixels, float32 `(2,)`.
        box_sides: Height and width of that part, pixels, float32 `(2,)`.
        sides: Height and width of the stored image, pixels, float32 `(2,)`.
        orientation: Of the stored image.

    Returns:
        Top and left, and height and width of the part, in the stored image.
    """
    if orientation is None:
        return start, box_sides
    start = turn_sides(start, orientation)
    box_sides = turn_sides(box_sides, orientation)
    is_reversed = tf.stack([_is_in(orientation, _REVERSING_ROWS), _is_in(orientation, _REVERSING_COLUMNS)])
    return tf.where(is_reversed, sides - box_sides - start, start), box_sides


def _turn(
    values: tf.Tensor,
    orientation: tf.Tensor,
    *,
    row_axis: int,
    column_axis: int,
) -> tf.Tensor:
    """Turn three axes, of which one counts the rows of an image and one its columns."""
    is_reversed = [False, False, False]
    is_reversed[row_axis] = _is_in(orientation, _REVERSING_ROWS)
    is_reversed[column_axis] = _is_in(orientation, _REVERSING_COLUMNS)
    values = tf.raw_ops.Reverse(tensor=values, dims=tf.stack(is_reversed))

    exchanged = [0, 1, 2]
    exchanged[row_axis] = column_axis
    exchanged[column_axis] = row_axis
    axes = tf.where(_is_in(orientation, _EXCHANGING), exchanged, [0, 1, 2])
    return tf.transpose(values, axes)


def _is_in(orientation: tf.Tensor, some: tuple[int, ...]) -> tf.Tensor:
    return tf.reduce_any(orientation == some)
