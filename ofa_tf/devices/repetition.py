"""Measuring again what is doubtful: the one loop that all devices share."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_Model = TypeVar("_Model")


def turns_until_trusted(
    models: Sequence[_Model],
    doubtful: Callable[[], Sequence[_Model]],
    max_repeats: int,
    has_time_for: Callable[[float], bool],
) -> Iterator[Sequence[_Model]]:
    """What to measure in each turn: all models first, then those whose latency is doubtful.

    A spell in which something else kept the device busy then costs a repeat instead
    of a latency. The loop over the turns ends when nothing is doubtful any more; what
    is doubtful still when the turns or the time are used up has to be marked.

    Args:
        models: All models.
        doubtful: Gives those that are doubtful after the turns so far.
        max_repeats: Turns after the first one, at most.
        has_time_for: Whether there is time for another turn, given what the last one
            took, seconds.

    Yields:
        The models of a turn, to be measured before the next one is asked for.
    """
    chosen = models
    for turn in range(1 + max_repeats):
        start = time.monotonic()
        yield chosen
        if turn == max_repeats:
            return
        chosen = doubtful()
        seconds = time.monotonic() - start
        if not chosen or not has_time_for(seconds):
            return
