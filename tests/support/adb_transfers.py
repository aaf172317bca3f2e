"""What an `AdbDaemon` does for files of its host: the service `sync:`."""

import contextlib
import errno
import os
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from tests.support.adb_stream import Stream

_MAX_CHUNK = 64 * 1024  # of a file


class Transfers:
    """The service `sync:`: requests of a name, a length and that many bytes, one after the other."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._faults = stream.daemon.faults

    async def run(self) -> None:
        """Answer requests until the host has no more."""
        answers: dict[bytes, Callable[[bytes], Awaitable[bool]]] = {
            b"STAT": self._stat,
            b"STA2": self._stat_with_errors,
            b"LST2": self._stat_with_errors,
            b"SEND": self._receive,
            b"RECV": self._send,
        }
        self._stream.open()
        while True:
            request, length = await self._request()
            if request not in answers:
                if request != b"QUIT":
                    await self._fail(f"unknown command {request!r}")
                return
            self._name = request
            if not await answers[request](await self._stream.read(length)):
                return

    async def _request(self) -> tuple[bytes, int]:
        name, length = struct.unpack("<4sI", await self._stream.read(8))
        return name, length

    async def _fail(self, reason: str) -> bool:
        data = reason.encode()
        await self._stream.write(struct.pack("<4sI", b"FAIL", len(data)) + data)
        return False

    async def _stat(self, path: bytes) -> bool:
        facts = (0, 0, 0)
        with contextlib.suppress(OSError):
            found = self._stream.daemon.host_path(path).lstat()
            facts = (found.st_mode, found.st_size, int(found.st_mtime))
        await self._stream.write(struct.pack("<4s3I", b"STAT", *facts))
        return True

    async def _stat_with_errors(self, path: bytes) -> bool:
        facts: tuple[int, ...] = (0,) * 10
        error = 0
        host_path = self._stream.daemon.host_path(path)
        try:
            found = host_path.lstat() if self._name == b"LST2" else host_path.stat()
            ids = (found.st_dev, found.st_ino, found.st_mode, found.st_nlink, found.st_uid, found.st_gid)
            times = (int(found.st_atime), int(found.st_mtime), int(found.st_ctime))
            facts = (*ids, found.st_size, *times)
        except OSError as problem:
            error = problem.errno or 0
        await self._stream.write(struct.pack("<4sIQQIIIIQqqq", self._name, error, *facts))
        return True

    async def _send(self, path: bytes) -> bool:
        try:
            content = self._stream.daemon.host_path(path).read_bytes()
        except OSError as problem:
            await self._fail(f"open failed: {problem.strerror}")
            return True
        for part in _parts(content):
            await self._stream.write(struct.pack("<4sI", b"DATA", len(part)) + part)
        await self._stream.write(struct.pack("<4sI", b"DONE", 0))
        return True

    async def _receive(self, target: bytes) -> bool:
        name, _, mode = target.rpartition(b",")
        path = self._stream.daemon.host_path(name)
        try:
            file = self._create(path)
        except OSError as problem:
            return await self._refuse(f"couldn't create file: {problem.strerror}")
        time_of_change = None
        try:
            with file:
                time_of_change = await self._receive_content(file)
        finally:
            if time_of_change is None:
                path.unlink(missing_ok=True)  # as adbd does
        if time_of_change is None:
            return await self._refuse("write failed: No space left on device")

        owner = int(mode) >> 6 & 7
        path.chmod(owner << 6 | owner << 3 | owner)
        os.utime(path, (time.time(), time_of_change))
        await self._stream.write(struct.pack("<4sI", b"OKAY", 0))
        self._stream.daemon.pushes.append(os.fsdecode(name))
        return True

    def _create(self, path: Path) -> BinaryIO:
        """An empty file.

        Raises:
            OSError: If it is not in `/data/local/tmp`, or the disk is full.
        """
        if not path.is_relative_to(self._stream.daemon.storage):
            raise PermissionError(errno.EACCES, "Permission denied")
        if self._faults.full_disk_after == 0 and self._faults.strike(True):
            raise OSError(errno.ENOSPC, "No space left on device")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")

    async def _receive_content(self, file: BinaryIO) -> int | None:
        """Write what the host sends; the time that it gives the file, or `None` if the disk is full."""
        cut = self._faults.cut_push_after
        limit = self._faults.full_disk_after
        size = 0
        while True:
            request, length = await self._request()
            if request == b"DONE":
                return length  # in whose place the time is
            data = await self._stream.read(length)
            is_first = size == 0 and length > 0
            if self._faults.strike(is_first and self._faults.corrupt_push):
                data = bytes([data[0] ^ 0xFF]) + data[1:]
            size += length
            if self._faults.strike(cut is not None and size >= cut):
                await self._stream.lose_connection()
            if self._faults.strike(limit is not None and size > limit):
                return None
            file.write(data)

    async def _refuse(self, reason: str) -> bool:
        """Tell the host why, then swallow what it sends until it notices."""
        await self._fail(reason)
        while (request := await self._request())[0] == b"DATA":
            await self._stream.read(request[1])
        return False


def _parts(content: bytes, size: int = _MAX_CHUNK) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))
