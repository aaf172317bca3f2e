"""Stopping between two steps when asked to."""

import contextlib
import os
import signal
import threading
from types import FrameType, TracebackType


class Interruption:
    """Within its block, Ctrl-C and SIGTERM only set `is_requested`.

    So that whoever runs the block can stop at a point where nothing is lost. A
    second Ctrl-C stops at once.
    """

    def __init__(self) -> None:
        self.is_requested = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _request(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.is_requested:
            raise KeyboardInterrupt("Earlier checkpoints are intact.")
        self.is_requested = True
        with contextlib.suppress(OSError):  # stderr may be a pipe whose reader is gone
            # Not print(): the handler may have interrupted one.
            os.write(2, b"\nstopping as soon as nothing is lost (once more: at once)\n")
