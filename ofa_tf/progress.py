"""Progress bars for terminals and logs."""

import sys
from collections.abc import Callable
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


def on_progress(bar: tqdm) -> Callable[[int, int], None]:
    """A callback `(done, total)` that moves `bar`."""

    def update(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return update
