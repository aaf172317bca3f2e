"""What a program says while it works, on stderr: stdout is for results.

`announce` names a step that takes seconds, `tell` says something else; `progress_bar` shows how far a longer
one is; `paused` says why its bar does not move for a while. In a log file, where nothing can be drawn anew, a bar is
a few plain lines.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from tqdm import tqdm

# How often a bar is drawn anew at most.
_SECONDS_ON_TERMINAL = 0.2

# After how long a bar writes its first line into a log, and how long it waits at most between two lines.
_SECONDS_TO_FIRST_LINE = 10.0
_MOST_SECONDS_BETWEEN_LINES = 300.0

_IS_MUTED = False


class _LinesInLog(tqdm):
    """A bar that writes whole lines: one after some seconds, ever fewer after that, and one at the end.

    What takes ten seconds is one line so, and what takes an hour about twenty.

    Args:
        **options: Those of `tqdm`.
    """

    disable: bool = True  # until tqdm says otherwise

    def __init__(self, **options: Any) -> None:
        self._seconds_between_lines = _SECONDS_TO_FIRST_LINE
        self._next_line_s = time.monotonic() + self._seconds_between_lines
        # Without a width there is no bar, but only what it tells. Each update asks whether a line is due.
        super().__init__(ncols=0, mininterval=0, miniters=1, **options)

    def refresh(self, nolock: bool = False, lock_args: tuple[Any, ...] | None = None) -> None:
        """Write a line if one is due."""
        del nolock, lock_args
        now = time.monotonic()
        if self.disable or now < self._next_line_s:
            return
        self._seconds_between_lines = min(2 * self._seconds_between_lines, _MOST_SECONDS_BETWEEN_LINES)
        self._next_line_s = now + self._seconds_between_lines
        self._write_line()

    def clear(self, nolock: bool = False) -> None:
        """Do nothing: a line that is written stays."""
        del nolock

    def close(self) -> None:
        """Write the last line."""
        if self.disable:
            return
        self.disable = True
        self._decr_instances(self)
        self._write_line()

    def _write_line(self) -> None:
        # The rate of the whole time: the last few moments of it are of no interest in a log.
        facts = {**self.format_dict, "rate": None}
        self.fp.write(self.format_meter(**facts) + "\n")
        self.fp.flush()


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
    """A bar with rate and time left; in a log file, lines with the same.

    Args:
        total: Number of units; `None` if only the first report tells, see `on_progress`.
        description: What is going on.
        unit: What is counted, such as `"img"`.
        initial: Units already done.
        **options: Passed on to `tqdm`.
    """
    options |= {"total": total, "desc": description, "unit": unit, "initial": initial, "disable": _IS_MUTED}
    if not sys.stderr.isatty():
        return _LinesInLog(**options)
    return tqdm(mininterval=_SECONDS_ON_TERMINAL, dynamic_ncols=True, **options)


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
