"""One writer a folder: who writes to it holds a lock, which names him."""

import contextlib
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ofa_tf.base.errors import InputError

_LOCK_FILE = ".lock"
_ADVICE = "Wait for its end or stop it, or use another folder."


@contextlib.contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Keep other programs from writing to a folder, which is made if there is none, and removed if it stays empty.

    The operating system holds the lock, not the file: it ends with the process, however
    that ends, and a file that a killed one left behind locks nothing. (It does not reach
    from one computer to another where the folder's file system does not.)

    Args:
        folder: The folder.

    Raises:
        InputError: If another program, or another thread of this one, holds the lock; the
            message says who.
    """
    path = Path(folder) / _LOCK_FILE
    is_new = not path.parent.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _acquire(path)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(_describe_self()).encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)
        if is_new:
            with contextlib.suppress(OSError):  # it is not empty
                path.parent.rmdir()


def check_no_writer(folder: str | Path) -> None:
    """Check that no program holds the lock of a folder, which need not exist.

    Raises:
        InputError: If one does; the message says which.
    """
    path = Path(folder) / _LOCK_FILE
    if path.exists():
        os.close(_acquire(path))


def find_writer(folder: str | Path) -> str | None:
    """Who holds the lock of a folder, in words; `None` if nobody does, or it cannot be told."""
    path = Path(folder) / _LOCK_FILE
    try:
        with path.open() as stream:
            # Shared, as asking takes no right to write.
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _describe_writer(path)
    except OSError:
        return None
    return None


def _acquire(path: Path) -> int:
    """The descriptor of the lock file, locked."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise InputError(
                f"Expected {path.parent} to have one writer at a time. Received: it is being written by "
                f"{_describe_writer(path)}. {_ADVICE}"
            ) from error
        if _is_at(path, descriptor):
            return descriptor
        # The writer before removed the file between these lines: the lock is one of a file that is gone.
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether a path leads to the file of a descriptor."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _describe_self() -> dict[str, Any]:
    return {
        "process": os.getpid(),
        "computer": socket.gethostname(),
        "command": " ".join(sys.argv),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _describe_writer(path: Path) -> str:
    """Who says in a lock file that it is his, as far as it can be read."""
    try:
        writer = json.loads(path.read_text())
        return f"process {writer['process']} on {writer['computer']} since {writer['since']} ({writer['command']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another program"
