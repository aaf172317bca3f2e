"""`BatchKeeper`: batches of prepared images in memory, for those who go over the same images many times.

An accuracy table measures thousands of subnets on the same images.
"""

import collections
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from ofa_tf.data.preprocessing import IMAGE_MEAN, IMAGE_STD

# Of all kept images, labels and positions together.
DEFAULT_KEPT_BYTES = 512 * 2**20

_NUM_COLOURS = 3

_MEAN = np.array(IMAGE_MEAN, np.float32)
_STD = np.array(IMAGE_STD, np.float32)


class _Batches(Protocol):
    """What can be kept: batches that can be gone over again."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...


class BatchKeeper:
    """Keeps batches of images, and gives them back bit by bit as they were read.

    Normalised images whose pixels are whole numbers of 0..255, as those are that were not resized, are kept as uint8;
    others as float32, which takes four times the memory. What was used longest ago makes room for what is new.

    Args:
        max_bytes: How much is kept at most.
    """

    def __init__(self, max_bytes: int = DEFAULT_KEPT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: collections.OrderedDict[Hashable, list[_KeptBatch]] = collections.OrderedDict()
        self._too_large: set[Hashable] = set()
        self._readers: dict[Hashable, KeptBatches] = {}

    @property
    def num_bytes(self) -> int:
        """How much is kept."""
        return sum(_num_bytes(batches) for batches in self._kept.values())

    def keep(self, key: Hashable, open_batches: Callable[[], _Batches]) -> "KeptBatches":
        """Batches that are read once and kept, if there is memory for all of them.

        Args:
            key: What tells them from all others.
            open_batches: Called once for each key, as building an input pipeline takes some 70 ms of
                processor time. Each batch is a float32 tensor of normalised images `(batch, height, width, 3)`,
                or a tuple that begins with one.
        """
        if key not in self._readers:
            self._readers[key] = KeptBatches(self, key, open_batches())
        return self._readers[key]

    def find(self, key: Hashable) -> "list[_KeptBatch] | None":
        """What was kept under a key; `None` if nothing is."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key]

    def read(self, key: Hashable, batches: _Batches) -> Iterator[Any]:
        """Go over batches that are not kept, and keep them."""
        kept: list[_KeptBatch] = []
        num_bytes = 0
        for batch in batches:
            if key not in self._too_large:
                kept.append(_KeptBatch(batch))
                num_bytes += kept[-1].num_bytes
                self._make_room(key, num_bytes)
            if key in self._too_large:
                kept.clear()
            elif len(kept) == len(batches):
                # Before the last one is handed out, as nobody need ask for one more.
                self._kept[key] = kept
            yield batch

    def _make_room(self, key: Hashable, num_bytes: int) -> None:
        """Forget what was used longest ago, or note that even an empty memory would be too small."""
        if num_bytes > self._max_bytes:
            self._too_large.add(key)
            return
        while self._kept and self.num_bytes + num_bytes > self._max_bytes:
            self._kept.popitem(last=False)


class KeptBatches:
    """Batches that are read when they are gone over for the first time, and come from memory then.

    Args:
        keeper: Keeps them.
        key: What tells them from all others.
        batches: Where they are read from.
    """

    def __init__(self, keeper: BatchKeeper, key: Hashable, batches: _Batches) -> None:
        self._keeper = keeper
        self._key = key
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Any]:
        kept = self._keeper.find(self._key)
        if kept is None:
            yield from self._keeper.read(self._key, self._batches)
            return
        for batch in kept:
            yield batch.restore()


class _KeptBatch:
    """One batch, in the memory of the host.

    Args:
        batch: A tensor of images, or a tuple that begins with one.
    """

    def __init__(self, batch: Any) -> None:
        self._is_tuple = isinstance(batch, tuple)
        images, *others = batch if self._is_tuple else (batch,)
        self._images = _packed(np.asarray(images))
        self._others = [np.array(other) for other in others]

    @property
    def num_bytes(self) -> int:
        return self._images.nbytes + sum(other.nbytes for other in self._others)

    def restore(self) -> Any:
        """The batch as it was."""
        images = self._images
        if images.dtype == np.uint8:
            images = _normalized(images)
        # Input pipelines leave their batches on the host, too.
        with tf.device("CPU:0"):
            tensors = [tf.constant(array) for array in (images, *self._others)]
        return tuple(tensors) if self._is_tuple else tensors[0]


def _num_bytes(batches: list[_KeptBatch]) -> int:
    return sum(batch.num_bytes for batch in batches)


def _packed(images: np.ndarray) -> np.ndarray:
    """Normalised images as uint8 where that loses no bit, else a copy of them."""
    pixels = images * _STD + _MEAN
    whole = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    if np.array_equal(_normalized(whole), images):
        return whole
    return images.copy()


def _normalized(images: np.ndarray) -> np.ndarray:
    """uint8 images, scaled as in `preprocessing.py`, float32."""
    width = images.shape[2]
    # Row by row: NumPy is slow at going over three numbers at a time.
    rows = images.reshape(-1, width * _NUM_COLOURS).astype(np.float32)
    rows -= np.tile(_MEAN, width)
    rows /= np.tile(_STD, width)
    return rows.reshape(images.shape)
