"""What a pipeline does to each image, traced once and kept.

Building a pipeline takes less time when its functions have been traced; hence the
caches, one entry for each augmentation and crop fraction.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.data.augmentations import NUM_CHOICES, Augmentation
from ofa_tf.data.image_source import decode_rgb
from ofa_tf.data.preprocessing import encoded_training_image, evaluation_image, training_image
from ofa_tf.data.resizing import NUM_CHANNELS

# More augmentations and crop fractions than one process uses.
_NUM_KEPT = 16

_IMAGE = tf.TensorSpec((None, None, NUM_CHANNELS), tf.uint8)
_SIZE = tf.TensorSpec((), tf.int32)
_CHOICES = tf.TensorSpec((NUM_CHOICES,), tf.float32)

_Tensors = tuple[tf.Tensor, ...]


@dataclasses.dataclass(frozen=True)
class ImageFunctions:
    """What makes the images of batches.

    Both take `(image, label)` and how to prepare the image, `(choices, size)` in training
    and `(size,)` otherwise. They return the image, normalised, and the label, int32.

    Args:
        from_image: Takes decoded images.
        from_content: Takes encoded images.
    """

    from_image: Callable[..., Any]
    from_content: Callable[..., Any]


@functools.lru_cache(maxsize=_NUM_KEPT)
def training_functions(augmentation: Augmentation) -> ImageFunctions:
    """What an augmentation makes of training images."""

    def from_image(image: tf.Tensor, choices: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        return training_image(image, choices, size, augmentation)

    def from_content(content: tf.Tensor, choices: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        return encoded_training_image(content, choices, size, augmentation)

    traced = tf.function(from_image, input_signature=[_IMAGE, _CHOICES, _SIZE], autograph=False)
    return ImageFunctions(_with_label(traced), _with_label(from_content))


@functools.lru_cache(maxsize=_NUM_KEPT)
def evaluation_functions(crop_fraction: float | None) -> ImageFunctions:
    """What is made of images for evaluation and calibration.

    Args:
        crop_fraction: See `evaluation_image`.

    Raises:
        InputError: If `crop_fraction` is out of range.
    """
    if crop_fraction is not None and not 0 < crop_fraction <= 1:
        raise InputError(
            f"Expected `crop_fraction` to be more than 0 and at most 1. Received: crop_fraction={crop_fraction}."
        )

    def from_image(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        return evaluation_image(image, size, crop_fraction)

    def from_content(content: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        return evaluation_image(decode_rgb(content), size, crop_fraction)

    traced = tf.function(from_image, input_signature=[_IMAGE, _SIZE], autograph=False)
    return ImageFunctions(_with_label(traced), _with_label(from_content))


def _with_label(prepare: Callable[..., tf.Tensor]) -> Callable[..., Any]:
    """A function of images as one of images with their labels."""

    def prepare_pair(pair: _Tensors, how: _Tensors) -> _Tensors:
        image, label = pair
        return prepare(image, *how), tf.cast(label, tf.int32)

    return prepare_pair
