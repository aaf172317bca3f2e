"""What a program says while it works, on stderr: stdout is for results."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from tqdm import tqdm


def progress_bar(total: int, description: str, unit: str, initial: int = 0, **options: Any) -> tqdm:
    """A bar with rate and time left; in a log file, a line every ten seconds or so.

    Args:
        total: Number of units.
        description: What is going on.
        unit: What is counted, such as `"img"`.
        initial: Units already done.
        **options: Passed on to `tqdm`.
    """
    is_terminal = sys.stderr.isatty()
    return tqdm(
        total=total,
        desc=description,
        unit=unit,
        initial=initial,
        mininterval=0.2 if is_terminal else 10.0,
        dynamic_ncols=is_terminal,
        **options,
    )


@contextlib.contextmanager
def standing_still(bar: tqdm, reason: str) -> Iterator[None]:
    """Say beside the description why `bar` does not move; the time does not count for its rate."""
    description = bar.desc
    bar.set_description_str(f"{description.removesuffix(': ')} ({reason}): ", refresh=sys.stderr.isatty())
    start = time.time()
    try:
        yield
    finally:
        bar.set_description_str(description, refresh=False)
        bar.start_t += time.time() - start
        bar.last_print_t += time.time() - start


def announce(text: str) -> None:
    """Name a step that takes seconds and has no bar."""
    tqdm.write(f"{text} ...", file=sys.stderr)


def on_progress(bar: tqdm) -> Callable[[int, int], None]:
    """A callback `(done, total)` that moves `bar`."""

    def update(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return update
