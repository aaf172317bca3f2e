"""One writer a folder, or a file, at a time: who writes to it holds a lock, which names him.

The operating system holds the lock, not the file that stands for it: it ends with the process, however that ends, and
a file that a killed one left behind locks nothing. (It does not reach from one computer to another where the folder's
file system does not.)
"""

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
_ADVICE_FOR_FILE = "Wait for its end or stop it."

# So long a lock is tried that may be held by somebody who only asks who writes.
_SECONDS_TO_ASK = 0.1


@contextlib.contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Keep other programs from writing to a folder, which is made if there is none, and removed if it stays empty.

    Args:
        folder: The folder.

    Raises:
        InputError: If another program, or another thread of this one, holds the lock; the
            message says who.
    """
    folder = Path(folder)
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _LOCK_FILE
    try:
        with _held(path, _acquire(path, folder, _ADVICE)):
            yield
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()


@contextlib.contextmanager
def locked_file(path: str | Path, advice: str = _ADVICE_FOR_FILE) -> Iterator[None]:
    """Keep other programs from writing to a file, such as for the hours that it takes to measure what it holds.

    Args:
        path: The file, which need not be there; its folder is made if there is none.
        advice: What to do when another program holds the lock.

    Raises:
        InputError: If another program, or another thread of this one, holds the lock; the
            message says who.
    """
    lock = _lock_of_file(path)
    with _held(lock, _acquire(lock, Path(path), advice)):
        yield


@contextlib.contextmanager
def waited_for_file(path: str | Path) -> Iterator[None]:
    """Like `locked_file`, but wait until the other program gives the lock back. For moments, such as to append a line.

    Args:
        path: The file, which need not be there; its folder is made if there is none.
    """
    lock = _lock_of_file(path)
    with _held(lock, _open_locked(lock, fcntl.LOCK_EX)):
        yield


def check_no_writer(folder: str | Path) -> None:
    """Check that no program holds the lock of a folder, which need not exist.

    Raises:
        InputError: If one does; the message says which.
    """
    path = Path(folder) / _LOCK_FILE
    if path.exists():
        os.close(_acquire(path, path.parent, _ADVICE))


def check_no_writer_of_file(path: str | Path, advice: str = _ADVICE_FOR_FILE) -> None:
    """Check that no program holds the lock of a file, which need not exist.

    Args:
        path: The file.
        advice: What to do when a program does.

    Raises:
        InputError: If one does; the message says which.
    """
    lock = _lock_of_file(path)
    if lock.exists():
        os.close(_acquire(lock, Path(path), advice))


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


def _lock_of_file(path: str | Path) -> Path:
    """The file that stands for the lock of another one, in a folder that is there."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}{_LOCK_FILE}")


@contextlib.contextmanager
def _held(path: Path, descriptor: int) -> Iterator[None]:
    """Tell in a lock file who holds the lock, and give it back in the end."""
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(_describe_self()).encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path, written: Path, advice: str) -> int:
    """The descriptor of a lock file, locked.

    Args:
        path: The lock file.
        written: What it locks.
        advice: See `locked_file`.
    """
    deadline = time.monotonic() + _SECONDS_TO_ASK
    while True:
        try:
            return _open_locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            # Who only asks for a writer holds the lock for a moment.
            if time.monotonic() < deadline:
                time.sleep(_SECONDS_TO_ASK / 10)
                continue
            raise InputError(
                f"Expected {written} to have one writer at a time. Received: it is being written by "
                f"{_describe_writer(path)}. {advice}"
            ) from error


def _open_locked(path: Path, operation: int) -> int:
    """The descriptor of a lock file, made if there is none, locked by an operation of `fcntl.flock`."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, operation)
        except BaseException:  # Ctrl-C while it waits, too
            os.close(descriptor)
            raise
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
