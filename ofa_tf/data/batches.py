"""Batches for training, evaluation and calibration.

Every batch is a pure function of the seed, the epoch and the step: the order of
an epoch and the random choices of each of its examples come from NumPy
generators seeded by (seed, epoch), so training resumes at any step of any epoch
with the batches the uninterrupted run would have had.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.data.checked_batches import CheckedBatches, error_finder
from ofa_tf.data.image_source import ImageSource
from ofa_tf.data.preprocessing import (
    NUM_CHOICES,
    Augmentation,
    cut,
    cut_center,
    draw_choices,
    finish,
    get_augmentation,
    normalize,
)

# Independent streams of random numbers of one (seed, epoch).
_ORDER, _CHOICES = 0, 1


def steps_per_epoch(source: ImageSource, batch_size: int) -> int:
    """Number of full training batches in an epoch.

    Raises:
        InputError: If there is not one.
    """
    _check_positive("batch_size", batch_size)
    num_examples = source.num_examples("train")
    if batch_size > num_examples:
        raise InputError(
            f"Expected `batch_size` to be at most the {num_examples} training images of {source.name!r}. "
            f"Received: batch_size={batch_size}. Use a smaller batch."
        )
    return num_examples // batch_size


def train_batches(
    source: ImageSource,
    *,
    batch_size: int,
    epoch: int,
    seed: int,
    image_sizes: Sequence[int],
    augmentation: str,
    start_step: int = 0,
    worker: int = 0,
    num_workers: int = 1,
) -> CheckedBatches:
    """The training batches of an epoch, shuffled and augmented.

    Images that do not fill a batch are left out, other ones in each epoch.

    Args:
        source: Where the images come from.
        batch_size: Images in a batch, over all workers.
        epoch: Number of the epoch.
        seed: Together with `epoch` decides order and augmentation.
        image_sizes: Height and width of the images of each step, pixels; a
            sequence shorter than `steps_per_epoch` makes the epoch shorter.
        augmentation: A name in `AUGMENTATIONS`.
        start_step: First step to return; those before it are not decoded.
        worker: Which part of each batch to return.
        num_workers: Number of parts; must divide `batch_size`.

    Returns:
        Batches of images, float32 `(batch, size, size, 3)`, normalised, and
        labels, int32 `(batch,)`.

    Raises:
        InputError: If an argument is out of range, or a small data set has an
            unreadable image.
    """
    _check_steps(source, batch_size, image_sizes, start_step)
    if not 0 <= worker < num_workers or batch_size % num_workers:
        raise InputError(
            "Expected `num_workers` to divide `batch_size` and `worker` to be less than it. "
            f"Received: batch_size={batch_size}, num_workers={num_workers}, worker={worker}."
        )
    used = len(image_sizes) * batch_size
    positions = np.arange(start_step * batch_size, used)
    positions = positions[positions % batch_size // (batch_size // num_workers) == worker]
    how = get_augmentation(augmentation)
    choices = draw_choices(np.random.default_rng([seed, epoch, _CHOICES]), used, how)[positions]
    sizes = np.repeat(np.asarray(image_sizes, np.int32), batch_size)[positions]
    order_rng = np.random.default_rng([seed, epoch, _ORDER])
    local_batch_size = batch_size // num_workers

    decoded = source.in_memory("train")
    if decoded is not None:
        order = order_rng.permutation(source.num_examples("train"))[positions]
        pairs = tf.data.Dataset.from_tensor_slices(order).map(decoded.example)
        records = None
    else:
        shuffled = source.records("train", shuffle_seed=int(order_rng.integers(2**31)))
        records = _select(shuffled, positions, used, everything=num_workers == 1)
        pairs = records.map(_decoder(source), num_parallel_calls=tf.data.AUTOTUNE)
    cut_one, finish_batch = _train_functions(how)
    dataset = (
        tf.data.Dataset.zip(pairs, tf.data.Dataset.from_tensor_slices((choices, sizes)))
        .map(cut_one, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(local_batch_size, drop_remainder=True)
        .map(finish_batch, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )
    return CheckedBatches(dataset, len(image_sizes) - start_step, error_finder(source, records, local_batch_size))


def eval_batches(
    source: ImageSource,
    split: str,
    *,
    image_size: int,
    batch_size: int,
    limit: int | None = None,
    crop_fraction: float | None = None,
) -> CheckedBatches:
    """The images of a split in their fixed order, not augmented.

    Args:
        source: Where the images come from.
        split: `"train"`, `"validation"` or `"test"`.
        image_size: Height and width of the images, pixels.
        batch_size: Images in a batch; the last one may have fewer.
        limit: Number of images, the first ones; all if `None`.
        crop_fraction: See `cut_center`; normally the augmentation's
            `eval_crop_fraction`.

    Returns:
        Batches of images, float32 `(batch, size, size, 3)`, normalised, and
        labels, int32 `(batch,)`.

    Raises:
        InputError: If an argument is out of range, or a small data set has an
            unreadable image.
    """
    _check_positive("image_size", image_size)
    _check_positive("batch_size", batch_size)
    num_examples = source.num_examples(split)
    if limit is not None:
        _check_positive("limit", limit)
        num_examples = min(limit, num_examples)

    def records() -> tf.data.Dataset:
        return source.records(split).take(num_examples)

    return _plain_batches(source, split, records, np.arange(num_examples), image_size, batch_size, crop_fraction)


def calibration_batches(
    source: ImageSource,
    *,
    image_size: int,
    batch_size: int,
    num_images: int,
    seed: int,
    crop_fraction: float | None = None,
) -> CheckedBatches:
    """A sample of the training images, prepared as for evaluation.

    All batches have the same number of images, so that a traced function takes
    them all: as near to `batch_size` as divides them evenly. Fewer than one
    image a batch are left out for that.

    Args:
        source: Where the images come from.
        image_size: Height and width of the images, pixels.
        batch_size: Largest number of images in a batch.
        num_images: Size of the sample; all training images if there are fewer.
        seed: Decides which images are taken.
        crop_fraction: See `eval_batches`.

    Returns:
        Batches of images, float32 `(batch, size, size, 3)`, normalised.

    Raises:
        InputError: If an argument is out of range, or a small data set has an
            unreadable image.
    """
    for name, value in (("image_size", image_size), ("batch_size", batch_size), ("num_images", num_images)):
        _check_positive(name, value)
    num_train = source.num_examples("train")
    sample_size = min(num_images, num_train)
    num_batches = math.ceil(sample_size / batch_size)
    even_size = sample_size // num_batches
    rng = np.random.default_rng(seed)
    indices = rng.permutation(num_train)[: num_batches * even_size]
    shuffle_seed = int(rng.integers(2**31))

    def records() -> tf.data.Dataset:
        return source.records("train", shuffle_seed=shuffle_seed).take(len(indices))

    return _plain_batches(source, "train", records, indices, image_size, even_size, crop_fraction, with_labels=False)


def _plain_batches(
    source: ImageSource,
    split: str,
    records: Callable[[], tf.data.Dataset],
    indices: np.ndarray,
    image_size: int,
    batch_size: int,
    crop_fraction: float | None,
    with_labels: bool = True,
) -> CheckedBatches:
    """Batches of the examples `indices` of a split in memory, or else those that `records()` reads."""
    decoded = source.in_memory(split)
    if decoded is not None:
        pairs = tf.data.Dataset.from_tensor_slices(indices).map(decoded.example)
    else:
        pairs = records().map(_decoder(source), num_parallel_calls=tf.data.AUTOTUNE)
    cut_one, finish_batch = _eval_functions(crop_fraction)
    sizes = tf.data.Dataset.from_tensors(np.int32(image_size)).repeat()
    dataset = (
        tf.data.Dataset.zip(pairs, sizes)
        .map(cut_one, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size)
        .map(lambda images, labels: finish_batch(images, labels) if with_labels else finish_batch(images, labels)[0])
        .prefetch(tf.data.AUTOTUNE)
    )
    find_error = error_finder(source, None if decoded is not None else records(), batch_size)
    return CheckedBatches(dataset, math.ceil(len(indices) / batch_size), find_error)


# Building a pipeline takes less time when its functions have been traced; hence the caches.


@functools.lru_cache(maxsize=16)
def _train_functions(augmentation: Augmentation) -> tuple[Callable[..., Any], Callable[..., Any]]:
    choices = tf.TensorSpec((NUM_CHOICES,), tf.float32)
    image, size = tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((), tf.int32)
    traced_cut = tf.function(functools.partial(cut, augmentation=augmentation), input_signature=[image, choices, size])

    def cut_one(pair: tuple[tf.Tensor, tf.Tensor], chosen: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        return traced_cut(pair[0], *chosen), pair[1], chosen[0]

    def finish_batch(images: tf.Tensor, labels: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return finish(images, rows, augmentation), tf.cast(labels, tf.int32)

    return cut_one, finish_batch


@functools.lru_cache(maxsize=16)
def _eval_functions(crop_fraction: float | None) -> tuple[Callable[..., Any], Callable[..., Any]]:
    if crop_fraction is not None and not 0 < crop_fraction <= 1:
        raise InputError(
            f"Expected `crop_fraction` to be more than 0 and at most 1. Received: crop_fraction={crop_fraction}."
        )
    signature = [tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((), tf.int32)]
    traced_cut = tf.function(functools.partial(cut_center, crop_fraction=crop_fraction), input_signature=signature)

    def cut_one(pair: tuple[tf.Tensor, tf.Tensor], size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return traced_cut(pair[0], size), pair[1]

    def finish_batch(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return normalize(images), tf.cast(labels, tf.int32)

    return cut_one, finish_batch


def _decoder(source: ImageSource) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    return lambda record, label: (source.decode(record), label)


def _select(records: tf.data.Dataset, positions: np.ndarray, used: int, everything: bool) -> tf.data.Dataset:
    """The elements at `positions`, ascending; `everything` if there are no gaps between them."""
    if everything:
        return records.skip(used - len(positions)).take(len(positions))
    kept = np.zeros(used, bool)
    kept[positions] = True
    numbered = tf.data.Dataset.zip(records, tf.data.Dataset.from_tensor_slices(kept))
    return numbered.filter(lambda record, keep: keep).map(lambda record, keep: record)


def _check_positive(name: str, value: int) -> None:
    if value < 1:
        raise InputError(f"Expected `{name}` to be at least 1. Received: {name}={value}.")


def _check_steps(source: ImageSource, batch_size: int, image_sizes: Sequence[int], start_step: int) -> None:
    steps = steps_per_epoch(source, batch_size)
    if not 1 <= len(image_sizes) <= steps:
        raise InputError(
            f"Expected `image_sizes` to have an entry for each step of the epoch, at most {steps}. "
            f"Received: {len(image_sizes)} entries."
        )
    if min(image_sizes) < 1:
        raise InputError(f"Expected `image_sizes` to be at least 1. Received: {min(image_sizes)}.")
    if not 0 <= start_step <= len(image_sizes):
        raise InputError(
            f"Expected `start_step` to be between 0 and the {len(image_sizes)} steps of the epoch. "
            f"Received: start_step={start_step}."
        )
