"""Keeping what native code writes to stderr away from the user's terminal."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def withheld_stderr() -> Iterator[None]:
    """Withhold what is written to stderr inside the block; show it if the block fails.

    The TFLite converter logs dozens of lines from C++, past Python's `logging`,
    so the file descriptor itself has to be redirected. What other threads write
    meanwhile is withheld too.
    """
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # a program without stderr has nothing to withhold
        yield
        return
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        except BaseException as error:
            sys.stderr.flush()
            if isinstance(error, Exception) and not isinstance(error, ValueError):
                sink.seek(0)
                os.write(saved, sink.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
