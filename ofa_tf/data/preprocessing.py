"""From a decoded image to what a network sees: cropping, resizing, colour, normalisation.

The random choices for an example are drawn beforehand, as a row of numbers (see
`augmentations.py`). Per image there is only cutting and resizing; the rest is done for
a batch at once, which is several times as fast for small images.
"""

from typing import TypeVar

import numpy as np
import tensorflow as tf

from ofa_tf.data.augmentations import (
    BRIGHTNESS,
    CROP_HEIGHTS,
    CROP_PLACE,
    CROP_WIDTHS,
    IS_FLIPPED,
    SATURATION,
    Augmentation,
)

# ImageNet's, on the scale 0..255, in the order red, green, blue; used for all data sets.
IMAGE_MEAN = (123.675, 116.28, 103.53)
IMAGE_STD = (58.395, 57.12, 57.375)

# Weights of red, green and blue in an image's gray, as in torchvision.
_GRAY = (0.299, 0.587, 0.114)

Array = TypeVar("Array", np.ndarray, tf.Tensor)


def normalize(images: Array) -> Array:
    """Scale RGB values 0..255 by ImageNet's mean and standard deviation.

    Args:
        images: uint8 or float, shape `(..., 3)`; NumPy in, NumPy out.

    Returns:
        float32, roughly -2.1..2.6.
    """
    mean = np.array(IMAGE_MEAN, np.float32)
    std = np.array(IMAGE_STD, np.float32)
    if isinstance(images, np.ndarray):
        return (images.astype(np.float32) - mean) / std
    return (tf.cast(images, tf.float32) - mean) / std


def cut(
    image: tf.Tensor,
    choices: tf.Tensor,
    size: tf.Tensor,
    augmentation: Augmentation,
) -> tf.Tensor:
    """Cut and resize one training image as chosen.

    Args:
        image: uint8, shape `(height, width, 3)`.
        choices: A row of `draw_choices`.
        size: Height and width of the result, pixels.
        augmentation: What to do.

    Returns:
        float32 in 0..255, shape `(size, size, 3)`.
    """
    sides = _sides(image)
    if augmentation.areas is not None:
        start, box_sides = choose_crop(sides, choices, augmentation.aspects)
        return resize_box(image, start, box_sides, size)
    if augmentation.padding:
        start = _shift(sides, choices, augmentation.padding)
        return resize_box(image, start, sides, size)
    return resize_box(image, tf.zeros(2), sides, size)


def choose_crop(
    sides: tf.Tensor,
    choices: tf.Tensor,
    aspects: tuple[float, float],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Start and sides, pixels, of the first of the drawn crops that fits into an image.

    If none does, as with a very wide image, it is the largest one of an allowed aspect, in
    the middle of the image.

    Reference: `RandomResizedCrop` of torchvision, whose crops are of whole pixels.
    """
    crops = tf.stack([choices[CROP_HEIGHTS], choices[CROP_WIDTHS]], axis=1)  # (NUM_CROPS, 2)
    crops *= tf.sqrt(tf.reduce_prod(sides))
    fits = tf.reduce_all(crops <= sides, axis=1)
    first_that_fits = crops[tf.argmax(tf.cast(fits, tf.int32))]

    height, width = sides[0], sides[1]
    narrowest, widest = aspects
    largest_in_middle = tf.stack([tf.minimum(height, width / narrowest), tf.minimum(width, height * widest)])

    any_fits = tf.reduce_any(fits)
    box_sides = tf.where(any_fits, first_that_fits, largest_in_middle)
    place = tf.where(any_fits, choices[CROP_PLACE], 0.5)
    return place * (sides - box_sides), box_sides


def _shift(
    sides: tf.Tensor,
    choices: tf.Tensor,
    padding: float,
) -> tf.Tensor:
    """Where a part as large as the image starts in the padded image, whole pixels from the image's own corner."""
    border = tf.round(padding * sides)
    num_places = 2 * border + 1
    return tf.floor(choices[CROP_PLACE] * num_places) - border


def finish(
    images: tf.Tensor,
    choices: tf.Tensor,
    augmentation: Augmentation,
) -> tf.Tensor:
    """Flip, colour and normalise a batch of training images as chosen.

    Args:
        images: float32 in 0..255, shape `(batch, size, size, 3)`.
        choices: Rows of `draw_choices`, shape `(batch, NUM_CHOICES)`.
        augmentation: What to do.

    Returns:
        float32, normalised, of the same shape.
    """
    choices = choices[:, :, tf.newaxis, tf.newaxis, tf.newaxis]  # (batch, NUM_CHOICES, 1, 1, 1)
    if augmentation.flip:
        images = tf.where(choices[:, IS_FLIPPED] > 0, tf.reverse(images, [2]), images)
    if augmentation.brightness:
        images = _clip(images * choices[:, BRIGHTNESS])
    if augmentation.saturation:
        gray = tf.reduce_sum(images * _GRAY, axis=-1, keepdims=True)  # (batch, size, size, 1)
        colour = images - gray
        images = _clip(gray + colour * choices[:, SATURATION])
    return normalize(images)


def cut_center(
    image: tf.Tensor,
    size: tf.Tensor,
    crop_fraction: float | None,
) -> tf.Tensor:
    """Cut and resize an image for evaluation.

    Args:
        image: uint8, shape `(height, width, 3)`.
        size: Height and width of the result, pixels.
        crop_fraction: Side of the central square that is kept over the shorter
            side; `None` squeezes the whole image into a square.

    Returns:
        float32 in 0..255, shape `(size, size, 3)`.
    """
    sides = _sides(image)
    if crop_fraction is None:
        return resize_box(image, tf.zeros(2), sides, size)
    box_sides = tf.fill([2], crop_fraction * tf.reduce_min(sides))
    start = (sides - box_sides) / 2
    return resize_box(image, start, box_sides, size)


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
        float32 in 0..255, shape `(size, size, 3)`.
    """
    scale = tf.cast(size, tf.float32) / box_sides
    resized = tf.raw_ops.ScaleAndTranslate(
        images=image[tf.newaxis],
        size=tf.stack([size, size]),
        scale=scale,
        translation=-start * scale,
        kernel_type="triangle",
        antialias=True,
    )
    return resized[0]


def _sides(image: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.shape(image)[:2], tf.float32)


def _clip(values: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(values, 0.0, 255.0)
