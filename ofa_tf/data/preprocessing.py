"""From a decoded image to what a network sees: cropping, resizing, colour, normalisation.

The random choices for an example are drawn beforehand, as a row of numbers, so
that they are a pure function of the seed, the epoch and the example (see
`pipeline.py`). Per image there is only cutting and resizing; the rest is done
for a batch at once, which is several times as fast for small images.
"""

import dataclasses
from typing import TypeVar

import numpy as np
import tensorflow as tf

from ofa_tf.base.errors import InputError

# ImageNet's, on the scale 0..255, in the order red, green, blue; used for all data sets.
IMAGE_MEAN = (123.675, 116.28, 103.53)
IMAGE_STD = (58.395, 57.12, 57.375)

NUM_CHOICES = 7

_GRAY = (0.299, 0.587, 0.114)

Array = TypeVar("Array", np.ndarray, tf.Tensor)


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What is random about a training image, and how evaluation images are cut.

    Args:
        areas: Range of the cropped share of the image's area; `None` for the
            whole image.
        aspects: Range of the crop's width over its height, drawn evenly in the
            logarithm.
        flip: Whether half of the images are mirrored.
        brightness: Largest change of the brightness factor from 1.
        saturation: Largest change of the saturation factor from 1.
        eval_crop_fraction: Side of the central square used for evaluation over
            the image's shorter side; `None` for the whole image.
    """

    areas: tuple[float, float] | None = None
    aspects: tuple[float, float] = (1.0, 1.0)
    flip: bool = False
    brightness: float = 0.0
    saturation: float = 0.0
    eval_crop_fraction: float | None = None


# "imagenet": Once-for-All's released recipe (ColorJitter(brightness=32/255, saturation=0.5)).
AUGMENTATIONS = {
    "none": Augmentation(),
    "crop": Augmentation(areas=(0.75, 1.0), aspects=(0.9, 1.1)),
    "imagenet": Augmentation(
        areas=(0.08, 1.0),
        aspects=(3 / 4, 4 / 3),
        flip=True,
        brightness=32 / 255,
        saturation=0.5,
        eval_crop_fraction=0.875,
    ),
}


def get_augmentation(name: str) -> Augmentation:
    """The augmentation called `name`.

    Raises:
        InputError: If there is none.
    """
    if name not in AUGMENTATIONS:
        raise InputError(
            f"Expected `augmentation` to be one of {', '.join(AUGMENTATIONS)}. Received: augmentation={name!r}."
        )
    return AUGMENTATIONS[name]


def normalize(images: Array) -> Array:
    """Scale RGB values 0..255 by ImageNet's mean and standard deviation.

    Args:
        images: uint8 or float, shape `(..., 3)`; NumPy in, NumPy out.

    Returns:
        float32, roughly -2.1..2.6.
    """
    mean, std = np.array(IMAGE_MEAN, np.float32), np.array(IMAGE_STD, np.float32)
    if isinstance(images, np.ndarray):
        return (images.astype(np.float32) - mean) / std
    return (tf.cast(images, tf.float32) - mean) / std


def draw_choices(rng: np.random.Generator, num: int, augmentation: Augmentation) -> np.ndarray:
    """Make the random choices for `num` training images.

    Returns:
        float32, shape `(num, NUM_CHOICES)`: height and width of the crop over
        the square root of the image's area, its place top to bottom and left to
        right (0..1), whether to flip (0 or 1), brightness and saturation
        factors. Row i depends on the state of `rng` and on i alone.
    """
    draws = rng.random((num, NUM_CHOICES), np.float32)
    low, high = augmentation.areas or (1.0, 1.0)
    area = low + draws[:, 0] * (high - low)
    low, high = np.log(augmentation.aspects)
    aspect = np.exp(low + draws[:, 1] * (high - low))
    columns = (
        np.sqrt(area / aspect),
        np.sqrt(area * aspect),
        draws[:, 2],
        draws[:, 3],
        (draws[:, 4] < 0.5) & augmentation.flip,
        1 + augmentation.brightness * (2 * draws[:, 5] - 1),
        1 + augmentation.saturation * (2 * draws[:, 6] - 1),
    )
    return np.stack(columns, axis=1).astype(np.float32)


def cut(image: tf.Tensor, choices: tf.Tensor, size: tf.Tensor, augmentation: Augmentation) -> tf.Tensor:
    """Cut and resize one training image as chosen.

    A crop wider or higher than the image is trimmed to it; the reference draws
    again instead.

    Args:
        image: uint8, shape `(height, width, 3)`.
        choices: A row of `draw_choices`.
        size: Height and width of the result, pixels.
        augmentation: What to do.

    Returns:
        float32 in 0..255, shape `(size, size, 3)`.
    """
    sides = _sides(image)
    if augmentation.areas is None:
        return resize_box(image, tf.zeros(2), sides, size)
    box_sides = tf.minimum(choices[0:2] * tf.sqrt(tf.reduce_prod(sides)), sides)
    return resize_box(image, choices[2:4] * (sides - box_sides), box_sides, size)


def finish(images: tf.Tensor, choices: tf.Tensor, augmentation: Augmentation) -> tf.Tensor:
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
        images = tf.where(choices[:, 4] > 0, tf.reverse(images, [2]), images)
    if augmentation.brightness:
        images = _clip(images * choices[:, 5])
    if augmentation.saturation:
        gray = tf.reduce_sum(images * _GRAY, axis=-1, keepdims=True)  # (batch, size, size, 1)
        images = _clip(gray + (images - gray) * choices[:, 6])
    return normalize(images)


def cut_center(image: tf.Tensor, size: tf.Tensor, crop_fraction: float | None) -> tf.Tensor:
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
    return resize_box(image, (sides - box_sides) / 2, box_sides, size)


def resize_box(image: tf.Tensor, start: tf.Tensor, box_sides: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Resize a part of an image, bilinear, with antialiasing where it shrinks.

    Antialiasing as in Pillow, with which the reference resizes. The part may
    begin and end between pixels, which matters for images of few pixels.

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
