"""What a pipeline does to each image and to each batch, traced once and kept.

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
from ofa_tf.data.preprocessing import cut, cut_center, finish, normalize

# More augmentations and crop fractions than one process uses.
_NUM_KEPT = 16

_IMAGE = tf.TensorSpec((None, None, 3), tf.uint8)
_SIZE = tf.TensorSpec((), tf.int32)
_CHOICES = tf.TensorSpec((NUM_CHOICES,), tf.float32)

_Pair = tuple[tf.Tensor, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class TrainingFunctions:
    """What is done to training images.

    Args:
        cut: `((image, label), (choices, size))` -> an image of that size, its label
            and its choices.
        finish: Batches of what `cut` returns -> images, normalised, and labels, int32.
    """

    cut: Callable[..., Any]
    finish: Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class EvaluationFunctions:
    """What is done to images that are not augmented.

    Args:
        cut: `((image, label), size)` -> an image of that size, and its label.
        finish: Batches of what `cut` returns -> images, normalised, and labels, int32.
        finish_images: The same without the labels.
    """

    cut: Callable[..., Any]
    finish: Callable[..., Any]
    finish_images: Callable[..., Any]


@functools.lru_cache(maxsize=_NUM_KEPT)
def training_functions(augmentation: Augmentation) -> TrainingFunctions:
    """What an augmentation does to training images."""
    cut_image = functools.partial(cut, augmentation=augmentation)
    traced_cut = tf.function(cut_image, input_signature=[_IMAGE, _CHOICES, _SIZE])

    def cut_example(pair: _Pair, chosen: _Pair) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        image, label = pair
        choices, size = chosen
        return traced_cut(image, choices, size), label, choices

    def finish_batch(images: tf.Tensor, labels: tf.Tensor, choices: tf.Tensor) -> _Pair:
        return finish(images, choices, augmentation), tf.cast(labels, tf.int32)

    return TrainingFunctions(cut_example, finish_batch)


@functools.lru_cache(maxsize=_NUM_KEPT)
def evaluation_functions(crop_fraction: float | None) -> EvaluationFunctions:
    """What is done to images for evaluation and calibration.

    Args:
        crop_fraction: See `cut_center`.

    Raises:
        InputError: If `crop_fraction` is out of range.
    """
    if crop_fraction is not None and not 0 < crop_fraction <= 1:
        raise InputError(
            f"Expected `crop_fraction` to be more than 0 and at most 1. Received: crop_fraction={crop_fraction}."
        )
    cut_image = functools.partial(cut_center, crop_fraction=crop_fraction)
    traced_cut = tf.function(cut_image, input_signature=[_IMAGE, _SIZE])

    def cut_example(pair: _Pair, size: tf.Tensor) -> _Pair:
        image, label = pair
        return traced_cut(image, size), label

    def finish_batch(images: tf.Tensor, labels: tf.Tensor) -> _Pair:
        return normalize(images), tf.cast(labels, tf.int32)

    def finish_images(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        del labels
        return normalize(images)

    return EvaluationFunctions(cut_example, finish_batch, finish_images)
