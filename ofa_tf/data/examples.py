"""Which examples the batches are made of, and in which order."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ofa_tf.data.image_source import EncodedImage, ImageSource

# `ImageSource.records` takes seeds below this.
MAX_SHUFFLE_SEED = 2**31


@dataclasses.dataclass(frozen=True)
class Examples:
    """The examples of all batches, in order.

    Args:
        pairs: Elements `(image, label)`; the image is uint8 `(height, width, 3)` or, if
            it is encoded, an `EncodedImage`, the label int64.
        records: What they were read from, to find a damaged one; `None` if they were in
            memory, decoded.
    """

    pairs: tf.data.Dataset
    records: tf.data.Dataset | None

    @property
    def are_encoded(self) -> bool:
        """Whether the images are still encoded."""
        return self.records is not None


def plain_examples(
    source: ImageSource,
    split: str,
    indices: np.ndarray,
    records: Callable[[], tf.data.Dataset],
) -> Examples:
    """The examples `indices` of a split in memory, or else those of `records()`."""
    decoded = source.in_memory(split)
    if decoded is not None:
        return Examples(tf.data.Dataset.from_tensor_slices(indices).map(decoded.example), None)
    return _encoded_examples(source, records())


def shuffled_examples(
    source: ImageSource,
    rng: np.random.Generator,
    positions: np.ndarray,
) -> Examples:
    """Those training examples of a shuffled epoch that stand at `positions`.

    Others are not decoded. Those of a folder are not read, either; those of TFDS are, but for most of the ones before
    the first position, so that each of several workers reads the images of the others.

    Args:
        source: Where the images come from.
        rng: Decides the order.
        positions: Ascending.
    """
    decoded = source.in_memory("train")
    if decoded is not None:
        order = rng.permutation(source.num_examples("train"))[positions]
        return Examples(tf.data.Dataset.from_tensor_slices(order).map(decoded.example), None)
    first = positions[0] if len(positions) else 0
    seed = int(rng.integers(MAX_SHUFFLE_SEED))
    records = source.records("train", shuffle_seed=seed, first=int(first))
    return _encoded_examples(source, select_records(records, positions - first))


def _encoded_examples(source: ImageSource, records: tf.data.Dataset) -> Examples:
    def read(record: tf.Tensor, label: tf.Tensor) -> tuple[EncodedImage, tf.Tensor]:
        return source.read(record), label

    # Apart from decoding, so that files are read while others are decoded.
    return Examples(records.map(read, num_parallel_calls=tf.data.AUTOTUNE), records)


def select_records(records: tf.data.Dataset, positions: np.ndarray) -> tf.data.Dataset:
    """The elements at `positions`, ascending."""
    if np.array_equal(positions, np.arange(len(positions))):
        return records.take(len(positions))
    is_kept = np.zeros(positions[-1] + 1, bool)
    is_kept[positions] = True

    def keeps(record: tuple[tf.Tensor, tf.Tensor], is_kept: tf.Tensor) -> tf.Tensor:
        del record
        return is_kept

    def without_mark(record: tuple[tf.Tensor, tf.Tensor], is_kept: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        del is_kept
        return record

    marked = tf.data.Dataset.zip(records, tf.data.Dataset.from_tensor_slices(is_kept))
    return marked.filter(keeps).map(without_mark)
