"""`ImageSource`: labelled images in three splits, wherever they come from."""

import abc
import dataclasses
import re
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.data.orientation import turn_image

SPLITS = ("train", "validation", "test")
DEFAULT_CACHE_BYTES = 512 * 2**20

# What decoding a damaged or vanished file raises.
READ_ERRORS = (tf.errors.InvalidArgumentError, tf.errors.DataLossError, tf.errors.NotFoundError)

# Uncompressed over compressed size of a typical photograph; only decides whether a split is kept in memory.
_TYPICAL_COMPRESSION = 10

# Of an error of TensorFlow within one of ours.
_MAX_REASON_LETTERS = 200

# What TensorFlow puts before the messages of some operations, such as {{function_node __wrapped__DecodeImage_device_}}.
_NODE = re.compile(r"\{\{.*?\}\} ?")

# Images that are handed from TensorFlow to Python at a time: one by one would take longer than decoding.
_NUM_DECODED_TOGETHER = 256


class EncodedImage(NamedTuple):
    """An image as it is stored. A tuple, as elements of a `tf.data.Dataset` are.

    Args:
        content: JPEG, PNG, BMP or GIF, a string.
        orientation: How it is to be turned, int32, 1 to 8; `None` where all images
            of a source are stored upright. See `orientation.py`.
    """

    content: tf.Tensor
    orientation: tf.Tensor | None = None


@dataclasses.dataclass(frozen=True)
class DecodedImages:
    """A split in memory: images of any sizes, one after the other in one tensor.

    Args:
        values: All pixels, uint8, shape `(total,)`.
        starts: Where each image starts in `values`, int64, shape `(n,)`.
        shapes: Shape of each image, int64, shape `(n, 3)`.
        labels: Class of each image, int64, shape `(n,)`.
    """

    values: tf.Tensor
    starts: tf.Tensor
    shapes: tf.Tensor
    labels: tf.Tensor

    def example(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The image, uint8 `(height, width, 3)`, and label number `index`."""
        shape = self.shapes[index]
        start = self.starts[index]
        values = tf.slice(self.values, [start], [tf.reduce_prod(shape)])
        image = tf.ensure_shape(tf.reshape(values, shape), (None, None, 3))
        return image, self.labels[index]


class ImageSource(abc.ABC):
    """Labelled RGB images in the splits "train", "validation" and "test".

    A source hands out *records*, which are cheap to shuffle (an encoded image, a
    path), and reads and decodes them. The order of a split is the same
    in every process and mixes the classes, so that its first n examples are a
    sample of all.

    Args:
        name: What the user called the source.
        class_names: Names of the classes; a label is an index into them.
        cache_bytes: A split whose decoded images are expected to take no more
            than this is decoded once and kept in memory.
    """

    splits: tuple[str, ...] = SPLITS

    def __init__(
        self,
        name: str,
        class_names: tuple[str, ...],
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        self.name = name
        self.class_names = class_names
        self.cache_bytes = cache_bytes
        self._decoded: dict[str, DecodedImages] = {}

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @abc.abstractmethod
    def num_examples(self, split: str) -> int:
        """Number of images in a split."""

    @abc.abstractmethod
    def records(self, split: str, shuffle_seed: int | None = None, first: int = 0) -> tf.data.Dataset:
        """Elements `(record, label)`, a string and an int64.

        Args:
            split: Name of the split.
            shuffle_seed: Shuffle by this seed; the fixed order if `None`.
            first: Position of the first one, to which a source goes without reading
                all those before it.
        """

    @abc.abstractmethod
    def read(self, record: tf.Tensor) -> EncodedImage:
        """The encoded image of a record."""

    @abc.abstractmethod
    def describe(self, record: bytes, position: int) -> str:
        """What to call a record in an error message, and what to do about it."""

    @abc.abstractmethod
    def encoded_bytes(self, split: str) -> int:
        """Size of a split on disk."""

    def decode(self, record: tf.Tensor) -> tf.Tensor:
        """The uint8 image `(height, width, 3)` of a record, upright."""
        content, orientation = self.read(record)
        return turn_image(decode_rgb(content), orientation)

    def decoded_bytes(self, split: str) -> int:
        """Size of a split in memory, a guess where the image sizes are unknown."""
        return self.encoded_bytes(split) * _TYPICAL_COMPRESSION

    def examples(self, split: str) -> tf.data.Dataset:
        """Elements `(image, label)`, uint8 `(height, width, 3)` and int64, in the fixed order.

        Raises:
            InputError: If `split` is none, or a small split has an unreadable image.
        """
        decoded = self.in_memory(split)
        if decoded is not None:
            return tf.data.Dataset.range(self.num_examples(split)).map(decoded.example)
        return self.records(split).map(self._decode_pair, num_parallel_calls=tf.data.AUTOTUNE)

    def in_memory(self, split: str) -> DecodedImages | None:
        """The decoded images of a small split, decoded at the first call; `None` for a large one.

        Raises:
            InputError: If `split` is none, or has an unreadable image; the
                message names it.
        """
        check_split(split)
        if split in self._decoded:
            return self._decoded[split]
        if self.decoded_bytes(split) > self.cache_bytes:
            return None
        self._decoded[split] = self._decode_all(split)
        return self._decoded[split]

    def unreadable(self, records: tf.data.Dataset) -> InputError | None:
        """The error that names the first of `records` that cannot be decoded."""
        position = -1
        try:
            for position, (record, _) in enumerate(records):
                reason = self._decoding_fault(record)
                if reason is not None:
                    culprit = self.describe(record.numpy(), position)
                    return InputError(
                        f"Expected every image of {self.name!r} to be readable. Received: {culprit} ({reason})"
                    )
        except READ_ERRORS as error:
            return InputError(
                f"Expected every record of {self.name!r} to be readable. Received: a damaged file after record "
                f"{position} ({_reason(error)}). Restore or prepare the data set again."
            )
        return None

    def _decoding_fault(self, record: tf.Tensor) -> str | None:
        """Why a record cannot be decoded; `None` if it can."""
        try:
            self.decode(record)
        except READ_ERRORS as error:
            return _reason(error)
        return None

    def _decode_pair(self, record: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self.decode(record), label

    def _decode_all(self, split: str) -> DecodedImages:
        """Decode a whole split.

        Raises:
            InputError: If an image cannot be read.
        """

        def flatten(record: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            image = self.decode(record)
            return tf.reshape(image, [-1]), tf.shape(image, tf.int64), label

        flat = self.records(split).map(flatten, num_parallel_calls=tf.data.AUTOTUNE)
        values, shapes, labels = [], [], []
        try:
            for batch_values, batch_shapes, batch_labels in flat.ragged_batch(_NUM_DECODED_TOGETHER):
                values.append(batch_values.flat_values.numpy())
                shapes.append(batch_shapes.numpy())
                labels.append(batch_labels.numpy())
        except READ_ERRORS as error:
            named_error = self.unreadable(self.records(split))
            raise (named_error or error) from error
        all_shapes = np.concatenate(shapes)
        lengths = all_shapes.prod(axis=1)
        starts = np.cumsum(lengths) - lengths
        # Kept on the host: input pipelines run there.
        with tf.device("CPU:0"):
            return DecodedImages(
                values=tf.constant(np.concatenate(values)),
                starts=tf.constant(starts, tf.int64),
                shapes=tf.constant(all_shapes, tf.int64),
                labels=tf.constant(np.concatenate(labels), tf.int64),
            )


def check_split(split: str) -> None:
    """Check that `split` is one of `SPLITS`.

    Raises:
        InputError: If it is none.
    """
    if split not in SPLITS:
        raise InputError(f"Expected `split` to be one of {', '.join(SPLITS)}. Received: split={split!r}.")


def decode_rgb(content: tf.Tensor) -> tf.Tensor:
    """Decode JPEG, PNG, BMP or GIF (its first frame) to uint8 `(height, width, 3)`.

    One channel becomes three equal ones; an alpha channel is dropped.
    """

    def decode_bmp() -> tf.Tensor:
        # For this format alone TensorFlow does not convert the number of channels.
        image = tf.io.decode_bmp(content, channels=0)
        is_gray = tf.shape(image)[-1] == 1
        return tf.cond(is_gray, lambda: tf.repeat(image, 3, axis=-1), lambda: image[..., :3])

    def decode_other() -> tf.Tensor:
        return tf.io.decode_image(content, channels=3, expand_animations=False)

    is_bmp = tf.strings.substr(content, 0, 2) == b"BM"
    image = tf.cond(is_bmp, decode_bmp, decode_other)
    return tf.ensure_shape(image, (None, None, 3))


def _reason(error: tf.errors.OpError) -> str:
    """What an error of TensorFlow says, without the names of operations."""
    first_line = str(error.message).splitlines()[0]
    without_operation = first_line.partition(" [Op:")[0]
    without_node = _NODE.sub("", without_operation)
    return without_node[:_MAX_REASON_LETTERS]
