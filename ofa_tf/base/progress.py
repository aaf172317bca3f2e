"""What a program says while it works, on stderr: stdout is for results.

`announce` names a step that takes seconds, `tell` says something else; `progress_bar` shows how far a longer
one is; `paused` says why its bar does not move for a while.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from tqdm import tqdm

# How often a bar is drawn anew at most.
_SECONDS_ON_TERMINAL = 0.2
_SECONDS_IN_LOG = 10.0

_IS_MUTED = False


def mute() -> None:
    """Say nothing from now on: of several workers, one speaks for all."""
    global _IS_MUTED
    _IS_MUTED = True


def progress_bar(
    total: int | None,
    description: str,
    unit: str,
    initial: int = 0,
    **options: Any,
) -> tqdm:
    """A bar with rate and time left; in a log file, a line every ten seconds or so.

    Args:
        total: Number of units; `None` if only the first report tells, see `on_progress`.
        description: What is going on.
        unit: What is counted, such as `"img"`.
        initial: Units already done.
        **options: Passed on to `tqdm`.
    """
    is_terminal = sys.stderr.isatty()
    seconds_between_lines = _SECONDS_ON_TERMINAL if is_terminal else _SECONDS_IN_LOG
    return tqdm(
        total=total,
        desc=description,
        unit=unit,
        initial=initial,
        mininterval=seconds_between_lines,
        dynamic_ncols=is_terminal,
        disable=_IS_MUTED,
        **options,
    )


@contextlib.contextmanager
def paused(bar: tqdm, reason: str) -> Iterator[None]:
    """Say beside the description why `bar` does not move; the time does not count for its rate."""
    if bar.disable:
        yield
        return
    description = bar.desc
    title = description.removesuffix(": ")
    bar.set_description_str(f"{title} ({reason}): ", refresh=sys.stderr.isatty())
    start = time.time()
    try:
        yield
    finally:
        bar.set_description_str(description, refresh=False)
        # tqdm reckons the rate from these two times.
        seconds = time.time() - start
        bar.start_t += seconds
        bar.last_print_t += seconds


def announce(text: str) -> None:
    """Name a step that takes seconds and has no bar."""
    tell(f"{text} ...")


def tell(text: str) -> None:
    """Say something that is no step, such as a warning, in a line of its own."""
    if not _IS_MUTED:
        tqdm.write(text, file=sys.stderr)


def on_progress(bar: tqdm) -> Callable[[int, int], None]:
    """A callback `(done, total)` that moves `bar`, and tells it where the end is."""

    def update(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return update
