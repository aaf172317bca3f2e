"""Which examples the batches are made of, and in which order."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ofa_tf.data.image_source import ImageSource

# `ImageSource.records` takes seeds below this.
MAX_SHUFFLE_SEED = 2**31


@dataclasses.dataclass(frozen=True)
class Examples:
    """The decoded examples of all batches, in order.

    Args:
        pairs: Elements `(image, label)`, uint8 `(height, width, 3)` and int64.
        records: What they were decoded from, to find a damaged one; `None` if they
            were in memory.
    """

    pairs: tf.data.Dataset
    records: tf.data.Dataset | None


def plain_examples(
    source: ImageSource,
    split: str,
    indices: np.ndarray,
    records: Callable[[], tf.data.Dataset],
) -> Examples:
    """The examples `indices` of a split in memory, or else those that `records()` reads."""
    decoded = source.in_memory(split)
    if decoded is not None:
        return Examples(tf.data.Dataset.from_tensor_slices(indices).map(decoded.example), None)
    return _decoded_examples(source, records())


def shuffled_examples(
    source: ImageSource,
    rng: np.random.Generator,
    positions: np.ndarray,
    num_used: int,
    has_gaps: bool,
) -> Examples:
    """Those training examples of a shuffled epoch that stand at `positions`.

    Args:
        source: Where the images come from.
        rng: Decides the order.
        positions: Ascending.
        num_used: Examples of the whole epoch.
        has_gaps: Whether positions are left out between others.
    """
    decoded = source.in_memory("train")
    if decoded is not None:
        order = rng.permutation(source.num_examples("train"))[positions]
        return Examples(tf.data.Dataset.from_tensor_slices(order).map(decoded.example), None)
    shuffled = source.records("train", shuffle_seed=int(rng.integers(MAX_SHUFFLE_SEED)))
    if has_gaps:
        return _decoded_examples(source, select_records(shuffled, positions, num_used))
    first = num_used - len(positions)
    return _decoded_examples(source, shuffled.skip(first).take(len(positions)))


def _decoded_examples(source: ImageSource, records: tf.data.Dataset) -> Examples:
    def decode(record: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return source.decode(record), label

    return Examples(records.map(decode, num_parallel_calls=tf.data.AUTOTUNE), records)


def select_records(
    records: tf.data.Dataset,
    positions: np.ndarray,
    num_used: int,
) -> tf.data.Dataset:
    """The elements at `positions`, ascending, of the first `num_used`."""
    is_kept = np.zeros(num_used, bool)
    is_kept[positions] = True

    def keeps(record: tuple[tf.Tensor, tf.Tensor], is_kept: tf.Tensor) -> tf.Tensor:
        del record
        return is_kept

    def without_mark(record: tuple[tf.Tensor, tf.Tensor], is_kept: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        del is_kept
        return record

    marked = tf.data.Dataset.zip(records, tf.data.Dataset.from_tensor_slices(is_kept))
    return marked.filter(keeps).map(without_mark)
