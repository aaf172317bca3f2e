"""`TrainingHalf`: every second training image of a data set, as a data set."""

import tensorflow as tf

from ofa_tf.data.image_source import DecodedImages, EncodedImage, ImageSource

# Of a data set that is not in memory, so many records are shuffled at a time.
_SHUFFLED_RECORDS = 10_000


class TrainingHalf(ImageSource):
    """Every second training image; the other splits are as they are.

    Which images are in a half does not change: what was trained with the one has never seen the other.

    Args:
        source: The whole data set.
        half: 0 or 1.

    Reference: DARTS, Liu et al., ICLR 2019, section 3 (half of the training images is held out to learn the
    architecture).
    """

    def __init__(self, source: ImageSource, half: int) -> None:
        super().__init__(source.name, source.class_names, source.cache_bytes)
        self._source = source
        self._half = half
        self.splits = source.splits

    def num_examples(self, split: str) -> int:
        num_all = self._source.num_examples(split)
        if split != "train":
            return num_all
        return len(range(self._half, num_all, 2))

    def records(self, split: str, shuffle_seed: int | None = None, first: int = 0) -> tf.data.Dataset:
        if split != "train":
            return self._source.records(split, shuffle_seed, first)
        half = self._source.records(split).enumerate().filter(self._is_here).map(_without_number)
        if shuffle_seed is not None:
            half = half.shuffle(_SHUFFLED_RECORDS, seed=shuffle_seed, reshuffle_each_iteration=False)
        return half.skip(first)

    def in_memory(self, split: str) -> DecodedImages | None:
        decoded = self._source.in_memory(split)
        if decoded is None or split != "train":
            return decoded
        here = slice(self._half, None, 2)
        return DecodedImages(decoded.values, decoded.starts[here], decoded.shapes[here], decoded.labels[here])

    def read(self, record: tf.Tensor) -> EncodedImage:
        return self._source.read(record)

    def decode(self, record: tf.Tensor) -> tf.Tensor:
        return self._source.decode(record)

    def describe(self, record: bytes, position: int) -> str:
        return self._source.describe(record, position)

    def encoded_bytes(self, split: str) -> int:
        return self._source.encoded_bytes(split)

    def _is_here(self, number: tf.Tensor, example: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        del example
        return number % 2 == self._half


def _without_number(number: tf.Tensor, example: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    del number
    return example
