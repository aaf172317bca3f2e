"""Ctrl-C and SIGTERM where they must not strike at once.

- `delayed_interrupts` is for a short block of foreign code that would swallow a
  `KeyboardInterrupt`: the interrupt comes right after the block.
- `StopRequest` is for a long loop of our own that can stop only between two steps:
  it asks again and again whether somebody wants it to, and puts things in order first.
- `ended_by_interrupts` is for a wait in foreign code in which nothing can be lost: it ends at once.
- `repeat_lost_interrupts` is for a whole program: an interrupt that was lost all the same comes again.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

STATUS_INTERRUPTED = 130  # as shells report a program that SIGINT ended

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ACKNOWLEDGEMENT = b"\nstopping as soon as nothing is lost (once more: at once)\n"
_CONSEQUENCE = "Earlier checkpoints are intact."
_GRACE_S = 8.0
_SECONDS_BETWEEN_ALARMS = 1.0  # after the first one
_STDERR = 2
_SECONDS_TO_REPETITION = 0.1  # by then Python is done with the code in which the interrupt was lost


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

    previous = _handle_signals(dict.fromkeys(_SIGNALS, take_note))
    try:
        yield
    finally:
        _restore_handlers(previous)
    if received:
        raise KeyboardInterrupt


class StopRequest:
    """Within its block, Ctrl-C and SIGTERM only set `is_requested`.

    So that whoever runs the block can stop at a point where nothing is lost. If it
    does not come to such a point in time, as while a graph is traced, it is stopped where
    it is: who sends SIGTERM often kills some seconds later. A second Ctrl-C stops at once.

    Args:
        grace_s: How long the block may go on after a request, seconds.
    """

    def __init__(self, grace_s: float = _GRACE_S) -> None:
        self.is_requested = False
        self._grace_s = grace_s
        self._is_finishing = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        handlers: dict[int, Any] = {**dict.fromkeys(_SIGNALS, self._request), signal.SIGALRM: self._stop}
        self._previous = _handle_signals(handlers)
        return self

    def __exit__(self, *error: object) -> None:
        if self._previous:
            signal.setitimer(signal.ITIMER_REAL, 0)
        _restore_handlers(self._previous)

    @contextlib.contextmanager
    def finishing(self) -> Iterator[None]:
        """Around what shall come to its end although the time may be up, such as saving."""
        self._is_finishing = True
        try:
            yield
        finally:
            self._is_finishing = False

    def _request(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.is_requested:
            raise KeyboardInterrupt(_CONSEQUENCE)
        self.is_requested = True
        signal.setitimer(signal.ITIMER_REAL, self._grace_s, _SECONDS_BETWEEN_ALARMS)
        with contextlib.suppress(OSError):  # stderr may be a pipe whose reader is gone
            # Not print(): the handler may have interrupted one.
            os.write(_STDERR, _ACKNOWLEDGEMENT)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """The time is up. If something is being finished, the next alarm stops."""
        del number, frame
        if not self._is_finishing:
            raise KeyboardInterrupt(f"The step was not finished within {self._grace_s:g} s. {_CONSEQUENCE}")


def _handle_signals(handlers: Mapping[int, Any]) -> dict[int, Any]:
    """Set handlers of signals, and return those before; nothing off the main thread, which gets none."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, handler) for number, handler in handlers.items()}


def _restore_handlers(previous: dict[int, Any]) -> None:
    for number, handler in previous.items():
        signal.signal(number, handler)


@contextlib.contextmanager
def ended_by_interrupts() -> Iterator[None]:
    """Within it, Ctrl-C and SIGTERM end the process at once, even where it waits in C++ code.

    Python's own handlers run only when such code returns. For a time in which nothing can be
    lost. (TensorFlow's code that waits for other workers sets a handler of its own for SIGTERM.)
    """
    previous = _handle_signals(dict.fromkeys(_SIGNALS, signal.SIG_DFL))
    try:
        yield
    finally:
        _restore_handlers(previous)


def repeat_lost_interrupts() -> None:
    """From now on, send SIGTERM to this process whenever Python has dropped a `KeyboardInterrupt`.

    Python ignores exceptions in `__del__` and in callbacks of weak references, and only reports them. A signal is
    handled when Python code runs again after a long call of C++ code, and that is often a `__del__`, of what the call
    needed: so one in about a hundred was lost while the converter worked.
    """
    report = sys.unraisablehook

    def repeat(unraisable: "sys.UnraisableHookArgs") -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            report(unraisable)
            return
        # Not from here: the handler would run at once, and its exception would be ignored again.
        timer = threading.Timer(_SECONDS_TO_REPETITION, os.kill, [os.getpid(), signal.SIGTERM])
        timer.daemon = True
        timer.start()

    sys.unraisablehook = repeat
