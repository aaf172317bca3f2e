"""`CheckedBatches`: an iterable of batches that names the file when one cannot be read."""

from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.data.image_source import READ_ERRORS, ImageSource

# From the number of batches that were read to the error that names what cannot be read, or `None`.
FindError = Callable[[int], InputError | None]


class CheckedBatches:
    """A fixed number of batches, which can be iterated over again.

    Args:
        dataset: The batches.
        num_batches: Their number.
        find_error: Called when reading fails, with the number of batches read
            before; gives the error that names the culprit, or `None`.
    """

    def __init__(
        self,
        dataset: tf.data.Dataset,
        num_batches: int,
        find_error: FindError,
    ) -> None:
        options = tf.data.Options()
        options.deterministic = True
        # The caller deals batches out to replicas itself.
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        self._dataset = dataset.with_options(options)
        self._num_batches = num_batches
        self._find_error = find_error

    def __len__(self) -> int:
        return self._num_batches

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the batches.

        Raises:
            InputError: If an image cannot be read; the message names it.
        """
        iterator = iter(self._dataset)
        for num_read in range(self._num_batches):
            try:
                batch = next(iterator)
            except READ_ERRORS as error:
                named_error = self._find_error(num_read)
                raise (named_error or error) from error
            yield batch


def error_finder(
    source: ImageSource,
    records: tf.data.Dataset | None,
    batch_size: int,
) -> FindError:
    """What `CheckedBatches` calls when reading fails.

    Args:
        source: Where the records come from.
        records: The records of all batches, in order; `None` if the images were
            decoded beforehand.
        batch_size: Records in a batch.
    """

    def find_error(num_read: int) -> InputError | None:
        if records is None:
            return None
        unread = records.skip(num_read * batch_size)
        return source.unreadable(unread.take(batch_size))

    return find_error
