"""Ctrl-C and SIGTERM where they must not strike at once.

- `delayed_interrupts` is for a short block of foreign code that would swallow a
  `KeyboardInterrupt`: the interrupt comes right after the block.
- `StopRequest` is for a long loop of our own that can stop only between two steps:
  it asks again and again whether somebody wants it to, and puts things in order first.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ACKNOWLEDGEMENT = b"\nstopping as soon as nothing is lost (once more: at once)\n"
_STDERR = 2


@contextlib.contextmanager
def delayed_interrupts() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the block has ended.

    For blocks that would swallow them: Keras, when it reads a model, catches
    every exception on the way and goes on without the weights.

    Raises:
        KeyboardInterrupt: After the block, if there was one.
    """
    received: list[int] = []

    def take_note(number: int, frame: FrameType | None) -> None:
        del frame
        received.append(number)

    previous = _handle_signals(take_note)
    try:
        yield
    finally:
        _restore_handlers(previous)
    if received:
        raise KeyboardInterrupt


class StopRequest:
    """Within its block, Ctrl-C and SIGTERM only set `is_requested`.

    So that whoever runs the block can stop at a point where nothing is lost. A
    second Ctrl-C stops at once.
    """

    def __init__(self) -> None:
        self.is_requested = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        self._previous = _handle_signals(self._request)
        return self

    def __exit__(self, *error: object) -> None:
        _restore_handlers(self._previous)

    def _request(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.is_requested:
            raise KeyboardInterrupt("Earlier checkpoints are intact.")
        self.is_requested = True
        with contextlib.suppress(OSError):  # stderr may be a pipe whose reader is gone
            # Not print(): the handler may have interrupted one.
            os.write(_STDERR, _ACKNOWLEDGEMENT)


def _handle_signals(handler: Any) -> dict[int, Any]:
    """Let `handler` handle the signals, and return who did before; nothing off the main thread, which gets none."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, handler) for number in _SIGNALS}


def _restore_handlers(previous: dict[int, Any]) -> None:
    for number, handler in previous.items():
        signal.signal(number, handler)
