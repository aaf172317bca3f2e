"""Keeping what native code writes to stderr away from the user's terminal.

The file descriptor 2 belongs to the whole process, so blocks of several threads
that overlap share one redirection: the first that begins redirects the descriptor
to a temporary file, the last that ends restores it. What is written meanwhile
cannot be told apart by thread. It is discarded, unless a block fails: then
everything that was written since that block began is shown, what others wrote
among it, as soon as the last block has ended.
"""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import BinaryIO

_STDERR = 2  # file descriptor


@contextlib.contextmanager
def withheld_stderr() -> Iterator[None]:
    """Withhold what is written to stderr inside the block; show it if the block fails.

    The TFLite converter logs dozens of lines from C++, past Python's `logging`,
    so the file descriptor itself has to be redirected. What other threads write
    meanwhile is withheld too. Blocks may overlap and be nested.

    A `ValueError` shows nothing, as it says itself what is wrong, nor does what is
    no `Exception`, such as Ctrl-C.
    """
    start = _redirection.enter()
    has_failed = False
    try:
        yield
    except BaseException as error:
        has_failed = isinstance(error, Exception) and not isinstance(error, ValueError)
        raise
    finally:
        _redirection.leave(start, has_failed)


class _SharedRedirection:
    """The redirection that all blocks of a process share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._num_blocks = 0
        self._saved: int | None = None  # a second descriptor of the real stderr
        self._sink: BinaryIO | None = None
        self._show_from: int | None = None  # position in the sink where the first block that failed began

    def enter(self) -> int:
        """Begin a block.

        Returns:
            The position in the sink where the block's output begins.
        """
        with self._lock:
            try:
                if self._num_blocks == 0:
                    self._redirect()
                _flush()
                start = self._num_bytes_withheld()
            except BaseException:
                self._restore_after_last()
                raise
            self._num_blocks += 1
            return start

    def leave(self, start: int, has_failed: bool) -> None:
        """End a block.

        Args:
            start: What `enter` returned.
            has_failed: Whether what was written since then is to be shown.
        """
        with self._lock:
            self._num_blocks -= 1
            if has_failed:
                earlier = start if self._show_from is None else self._show_from
                self._show_from = min(start, earlier)
            try:
                _flush()
            finally:
                self._restore_after_last()

    def _redirect(self) -> None:
        _flush()
        try:
            self._saved = os.dup(_STDERR)
        except OSError:  # A program without stderr has nothing to withhold.
            return
        self._sink = tempfile.TemporaryFile()  # noqa: SIM115 -- it outlives this block; `_restore` closes it
        os.dup2(self._sink.fileno(), _STDERR)

    def _restore_after_last(self) -> None:
        """Give stderr back, unless another block is still at work."""
        if self._num_blocks == 0:
            self._restore()

    def _restore(self) -> None:
        saved = self._saved
        sink = self._sink
        show_from = self._show_from
        self._saved = None
        self._sink = None
        self._show_from = None
        if saved is None or sink is None:
            return
        os.dup2(saved, _STDERR)
        os.close(saved)
        with sink:
            if show_from is not None:
                sink.seek(show_from)
                _write_all(sink.read())

    def _num_bytes_withheld(self) -> int:
        if self._sink is None:
            return 0
        return os.fstat(self._sink.fileno()).st_size


def _flush() -> None:
    """Send what Python still buffers to where stderr leads now."""
    if sys.stderr is not None:  # It is where a program was started without one.
        sys.stderr.flush()


def _write_all(content: bytes) -> None:
    """Write to stderr, which may take less than all at a time."""
    while content:
        content = content[os.write(_STDERR, content) :]


_redirection = _SharedRedirection()
