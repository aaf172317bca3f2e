"""`CheckpointTimer`: how often a training run is saved."""

import contextlib
import math
import time
from collections.abc import Iterator

# Within an epoch a checkpoint is rarely worth its time; one at its end makes it superfluous.
_SECONDS_WITHIN_EPOCH = 600.0
# What checkpoints at the ends of epochs may take of a run's time.
_MAX_SAVING_SHARE = 0.05


class CheckpointTimer:
    """Says when a checkpoint is due.

    At the end of an epoch one is due unless saving would take more than a twentieth of
    the time, as with short epochs. Within an epoch one is due every ten minutes.
    """

    def __init__(self) -> None:
        self._last_save = -math.inf  # monotonic time, seconds
        self._saving_seconds = 0.0  # of the last checkpoint
        self._epoch_start = -math.inf

    def begin_epoch(self) -> None:
        """Note that an epoch begins, or the rest of one."""
        self._epoch_start = time.monotonic()

    def is_due_after_epoch(self) -> bool:
        """Whether to save now, between two epochs."""
        seconds = time.monotonic() - self._last_save
        return seconds > self._saving_seconds / _MAX_SAVING_SHARE

    def is_due_within_epoch(self) -> bool:
        """Whether to save now, between two steps of an epoch."""
        seconds = time.monotonic() - max(self._epoch_start, self._last_save)
        return seconds > _SECONDS_WITHIN_EPOCH

    @contextlib.contextmanager
    def saving(self) -> Iterator[None]:
        """Around the saving of a checkpoint."""
        start = time.monotonic()
        yield
        self._last_save = time.monotonic()
        self._saving_seconds = self._last_save - start
