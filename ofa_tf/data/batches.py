"""Batches for training, evaluation and calibration.

Every batch is a pure function of the seed, the epoch and the step: the order of
an epoch and the random choices of each of its examples come from NumPy
generators seeded by (seed, epoch), so training resumes at any step of any epoch
with the batches the uninterrupted run would have had.
"""

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.data.augmentations import Augmentation, draw_choices, get_augmentation
from ofa_tf.data.checked_batches import CheckedBatches, error_finder
from ofa_tf.data.dataset_checks import check_num_train
from ofa_tf.data.examples import MAX_SHUFFLE_SEED, Examples, plain_examples, select_records, shuffled_examples
from ofa_tf.data.image_source import ImageSource
from ofa_tf.data.preprocessing import (
    encoded_evaluation_image,
    encoded_training_image,
    evaluation_image,
    training_image,
)
from ofa_tf.data.shares import SHARES

_Tensors = tuple[tf.Tensor, ...]

# Independent streams of random numbers of one (seed, epoch).
_ORDER = 0
_CHOICES = 1


def steps_per_epoch(source: ImageSource, batch_size: int) -> int:
    """Number of full training batches in an epoch.

    Raises:
        InputError: If there is not one.
    """
    _check_positive("batch_size", batch_size)
    num_examples = source.num_examples("train")
    check_num_train(num_examples, batch_size, source.name)
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
        start_step: First step to return; those before it are neither decoded nor, but for a
            few of TFDS, read.
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
    _check_workers(batch_size, worker, num_workers)
    how = get_augmentation(augmentation)
    num_used = len(image_sizes) * batch_size
    local_batch_size = batch_size // num_workers

    positions = np.arange(start_step * batch_size, num_used)
    owners = positions % batch_size // local_batch_size
    positions = positions[owners == worker]

    # Drawn for the whole epoch, so that they do not depend on where it is resumed.
    choices_rng = np.random.default_rng([seed, epoch, _CHOICES])
    choices = draw_choices(choices_rng, num_used, how)[positions]
    sizes = np.repeat(np.asarray(image_sizes, np.int32), batch_size)[positions]

    order_rng = np.random.default_rng([seed, epoch, _ORDER])
    examples = shuffled_examples(source, order_rng, positions)
    images = _prepare_for_training(examples, choices, sizes, how)
    dataset = images.batch(local_batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    find_error = error_finder(source, examples.records, local_batch_size)
    return CheckedBatches(dataset, len(image_sizes) - start_step, find_error)


def eval_batches(
    source: ImageSource,
    split: str,
    *,
    image_size: int,
    batch_size: int,
    limit: int | None = None,
    crop_fraction: float | None = None,
    with_positions: bool = False,
    worker: int = 0,
    num_workers: int = 1,
) -> CheckedBatches:
    """The images of a split, or of a share of one, in their fixed order, not augmented.

    Args:
        source: Where the images come from.
        split: A name in `SHARES`.
        image_size: Height and width of the images, pixels.
        batch_size: Images in a batch; the last one may have fewer.
        limit: Number of images, the first ones; all if `None`.
        crop_fraction: See `evaluation_image`; normally the augmentation's
            `eval_crop_fraction`.
        with_positions: Whether to return the positions of the images, too.
        worker: Which of the batches to return: this one, and every `num_workers`-th from there.
        num_workers: Number of workers that share the batches; what others get is not decoded.

    Returns:
        Batches of images, float32 `(batch, size, size, 3)`, normalised, of labels,
        int32 `(batch,)`, and, if asked for, of the images' positions in the order of
        all that `split` has, int64 `(batch,)`.

    Raises:
        InputError: If an argument is out of range, there is no such split, it has too
            few images to be shared, or a small data set has an unreadable image.
    """
    _check_positive("image_size", image_size)
    _check_positive("batch_size", batch_size)
    _check_crop_fraction(crop_fraction)
    share = SHARES[split]
    indices = share.positions(source.num_examples(share.split))
    if limit is not None:
        _check_positive("limit", limit)
        indices = indices[:limit]

    positions = _positions_of_worker(len(indices), batch_size, worker, num_workers)
    own_indices = indices[positions]

    def records() -> tf.data.Dataset:
        return select_records(source.records(share.split), own_indices)

    examples = plain_examples(source, share.split, own_indices, records)
    dataset = _prepare_for_evaluation(examples, image_size, crop_fraction)
    if with_positions:
        dataset = tf.data.Dataset.zip(dataset, tf.data.Dataset.from_tensor_slices(positions)).map(_with_position)
    dataset = dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)
    find_error = error_finder(source, examples.records, batch_size)
    return CheckedBatches(dataset, math.ceil(len(positions) / batch_size), find_error)


def num_eval_images(source: ImageSource, split: str) -> int:
    """How many images `eval_batches` returns.

    Raises:
        InputError: If there is no such split, or it has too few images to be shared.
    """
    share = SHARES[split]
    return len(share.positions(source.num_examples(share.split)))


def calibration_batches(
    source: ImageSource,
    *,
    image_size: int,
    batch_size: int,
    num_images: int,
    seed: int,
    crop_fraction: float | None = None,
    augmentation: str | None = None,
    worker: int = 0,
    num_workers: int = 1,
) -> CheckedBatches:
    """A sample of the training images, prepared as for evaluation or, but for colours, as for training.

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
        augmentation: A name in `AUGMENTATIONS`, of which all but the changes of colours is done, the
            same in each reading; `crop_fraction` then does not count. None by default.
        worker: See `eval_batches`.
        num_workers: See `eval_batches`.

    Returns:
        Batches of images, float32 `(batch, size, size, 3)`, normalised.

    Raises:
        InputError: If an argument is out of range, or a small data set has an
            unreadable image.
    """
    _check_positive("image_size", image_size)
    _check_positive("batch_size", batch_size)
    _check_positive("num_images", num_images)
    _check_crop_fraction(crop_fraction)
    num_train = source.num_examples("train")
    sample_size = min(num_images, num_train)
    num_batches = math.ceil(sample_size / batch_size)
    even_size = sample_size // num_batches
    num_used = num_batches * even_size

    rng = np.random.default_rng(seed)
    indices = rng.permutation(num_train)[:num_used]
    shuffle_seed = int(rng.integers(MAX_SHUFFLE_SEED))
    positions = _positions_of_worker(num_used, even_size, worker, num_workers)
    how = None
    if augmentation is not None:
        how = get_augmentation(augmentation).without_colours()

    def records() -> tf.data.Dataset:
        all_records = source.records("train", shuffle_seed=shuffle_seed).take(num_used)
        return all_records if num_workers == 1 else select_records(all_records, positions)

    examples = plain_examples(source, "train", indices[positions], records)
    if how is None:
        images = _prepare_for_evaluation(examples, image_size, crop_fraction)
    else:
        choices = draw_choices(rng, num_used, how)[positions]
        sizes = np.full(len(positions), image_size, np.int32)
        images = _prepare_for_training(examples, choices, sizes, how)
    dataset = images.map(_without_label).batch(even_size).prefetch(tf.data.AUTOTUNE)
    find_error = error_finder(source, examples.records, even_size)
    return CheckedBatches(dataset, len(positions) // even_size, find_error)


def _positions_of_worker(
    num_examples: int,
    batch_size: int,
    worker: int,
    num_workers: int,
) -> np.ndarray:
    """The examples of every `num_workers`-th batch, ascending."""
    positions = np.arange(num_examples)
    return positions[positions // batch_size % num_workers == worker]


def _prepare_for_training(
    examples: Examples,
    choices: np.ndarray,
    sizes: np.ndarray,
    augmentation: Augmentation,
) -> tf.data.Dataset:
    """The images of examples, augmented as chosen, and their labels.

    Args:
        examples: What to prepare.
        choices: A row of `draw_choices` for each.
        sizes: Height and width of each image, pixels, int32.
        augmentation: What to do.
    """
    prepare = encoded_training_image if examples.are_encoded else training_image
    drawn = tf.data.Dataset.from_tensor_slices((choices, sizes))
    return _prepare(examples, functools.partial(prepare, augmentation=augmentation), drawn)


def _prepare_for_evaluation(
    examples: Examples,
    image_size: int,
    crop_fraction: float | None,
) -> tf.data.Dataset:
    """The images of examples, all of one size, and their labels."""
    prepare = encoded_evaluation_image if examples.are_encoded else evaluation_image
    sizes = tf.data.Dataset.from_tensors((np.int32(image_size),)).repeat()
    return _prepare(examples, functools.partial(prepare, crop_fraction=crop_fraction), sizes)


def _prepare(
    examples: Examples,
    prepare: Callable[..., tf.Tensor],
    how: tf.data.Dataset,
) -> tf.data.Dataset:
    """The images of examples, prepared, and their labels, int32.

    Args:
        examples: What to prepare.
        prepare: Takes an image of `examples` and an element of `how`.
        how: Elements are tuples, one for each example.
    """

    # Not a `tf.function`, although that would be traced only once: calling one for each image takes longer than a
    # small image itself.
    @tf.autograph.experimental.do_not_convert
    def prepare_pair(pair: _Tensors, how: _Tensors) -> _Tensors:
        image, label = pair
        return prepare(image, *how), tf.cast(label, tf.int32)

    return tf.data.Dataset.zip(examples.pairs, how).map(prepare_pair, num_parallel_calls=tf.data.AUTOTUNE)


def _with_position(pair: _Tensors, position: tf.Tensor) -> _Tensors:
    return (*pair, position)


def _without_label(image: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    del label
    return image


def _check_positive(name: str, value: int) -> None:
    if value < 1:
        raise InputError(f"Expected `{name}` to be at least 1. Received: {name}={value}.")


def _check_crop_fraction(crop_fraction: float | None) -> None:
    if crop_fraction is not None and not 0 < crop_fraction <= 1:
        raise InputError(
            f"Expected `crop_fraction` to be more than 0 and at most 1. Received: crop_fraction={crop_fraction}."
        )


def _check_workers(batch_size: int, worker: int, num_workers: int) -> None:
    if not 0 <= worker < num_workers or batch_size % num_workers:
        raise InputError(
            "Expected `num_workers` to divide `batch_size` and `worker` to be less than it. "
            f"Received: batch_size={batch_size}, num_workers={num_workers}, worker={worker}."
        )


def _check_steps(
    source: ImageSource,
    batch_size: int,
    image_sizes: Sequence[int],
    start_step: int,
) -> None:
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
