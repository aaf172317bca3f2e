"""What an `AdbDaemon` does for its host: commands (`shell:`) and transfers (`sync:`)."""

import asyncio
import contextlib
import os
import re
import signal
import struct
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import IO, TYPE_CHECKING

from tests.support.phone import kill_programs

if TYPE_CHECKING:
    from tests.support.adb_daemon import Connection

_MAX_CHUNK = 64 * 1024  # of a file in a transfer, and of a command's output
_OUTPUT, _ERRORS, _EXIT, _INPUT, _CLOSE_INPUT = 1, 2, 3, 0, 4  # packets of the shell protocol


class Stream:
    """One command or one session of transfers; one packet of each direction is on its way at a time."""

    def __init__(
        self,
        connection: "Connection",
        local_id: int,
        remote_id: int,
    ) -> None:
        self.connection, self.local_id, self.remote_id = connection, local_id, remote_id
        self.daemon, self.opened = connection.daemon, False
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self._unread = bytearray()
        self._acknowledged = asyncio.Event()
        self._acknowledged.set()
        self._writing = asyncio.Lock()
        self._closed = False

    def open(self) -> None:
        """Tell the host that the service runs."""
        self.opened = True
        self.connection.send(b"OKAY", self.local_id, self.remote_id)

    def acknowledge(self) -> None:
        """The host took the last packet."""
        self._acknowledged.set()

    def arrive(self, data: bytes) -> None:
        """The host sent data."""
        self._arrived.put_nowait(data)

    def hang_up(self) -> None:
        """The host, or the connection, is gone: whoever reads or writes gets a `ConnectionError`."""
        self._closed = True
        self._acknowledged.set()
        self._arrived.put_nowait(b"")

    async def read(self, size: int) -> bytes:
        """Exactly so many bytes from the host."""
        while len(self._unread) < size:
            data = await self._arrived.get()
            if not data:
                raise ConnectionResetError
            self._unread += data
            self.connection.send(b"OKAY", self.local_id, self.remote_id)
        data = bytes(self._unread[:size])
        del self._unread[:size]
        return data

    async def read_some(self) -> bytes:
        """At least one byte from the host."""
        return await self.read(max(1, len(self._unread)))

    async def write(self, data: bytes) -> None:
        """Send bytes to the host, one packet after the other."""
        async with self._writing:
            for start in range(0, len(data), self.connection.max_payload):
                await self._acknowledged.wait()
                if self._closed:
                    raise ConnectionResetError
                self._acknowledged.clear()
                part = data[start : start + self.connection.max_payload]
                self.connection.send(b"WRTE", self.local_id, self.remote_id, part)

    async def lose_connection(self) -> None:
        """Lose the connection once what was sent before has arrived."""
        async with self._writing:
            await self._acknowledged.wait()
        await self.daemon.lose_connections(self.daemon.faults.gone_seconds)
        raise ConnectionResetError


class Shell:
    """A command: as adbd does, the shell gets SIGHUP, and nobody else, if the host hangs up."""

    def __init__(
        self,
        stream: Stream,
        command: str,
        has_packets: bool,
    ) -> None:
        self._stream, self._command, self._has_packets = stream, command, has_packets
        self._faults = stream.daemon.faults
        self._left: int | None = None  # bytes of output until the connection is lost

    async def run(self) -> None:
        daemon = self._stream.daemon
        daemon.commands.append(self._command)
        if self._matches(self._faults.cut_command):
            self._left = self._faults.cut_shell_after
        hangs = self._matches(self._faults.hang_command)
        process = daemon.start("exec sleep 1000000" if hangs else self._command, merged=not self._has_packets)
        self._stream.open()
        if self._matches(self._faults.kill_command):
            daemon.spawn(self._kill(process))
        working, feeding = asyncio.ensure_future(self._work(process)), asyncio.ensure_future(self._feed(process))
        try:
            await asyncio.wait((working, feeding), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, feeding):
                task.cancel()
            results = await asyncio.gather(working, feeding, return_exceptions=True)
            if process.poll() is None:
                process.send_signal(signal.SIGHUP)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _kill(self, process: "subprocess.Popen[bytes]") -> None:
        await asyncio.sleep(self._faults.kill_after_seconds)
        kill_programs(process)

    def _matches(self, pattern: str | None) -> bool:
        return pattern is not None and self._faults.strike(bool(re.search(pattern, self._command)))

    async def _work(self, process: "subprocess.Popen[bytes]") -> None:
        outputs = [(process.stdout, _OUTPUT), (process.stderr, _ERRORS)]
        await asyncio.gather(*(self._forward(pipe, packet) for pipe, packet in outputs if pipe is not None))
        while process.poll() is None:
            await asyncio.sleep(0.002)
        if self._left is not None:
            await self._stream.lose_connection()
        if self._has_packets:
            status = process.returncode if process.returncode >= 0 else 128 - process.returncode
            await self._stream.write(struct.pack("<BIB", _EXIT, 1, status))

    async def _forward(self, pipe: IO[bytes], packet: int) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            while data := await reader.read(_MAX_CHUNK):
                data = data if self._left is None else data[: self._left]
                await self._stream.write((struct.pack("<BI", packet, len(data)) if self._has_packets else b"") + data)
                if self._left is not None:
                    self._left -= len(data)
                    if not self._left:
                        await self._stream.lose_connection()
        finally:
            transport.close()

    async def _feed(self, process: "subprocess.Popen[bytes]") -> None:
        transport, _ = await asyncio.get_running_loop().connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        try:
            while True:
                packet, data = _INPUT, b""
                if self._has_packets:
                    packet, length = struct.unpack("<BI", await self._stream.read(5))
                    data = await self._stream.read(length)
                else:
                    data = await self._stream.read_some()
                if packet == _CLOSE_INPUT:
                    transport.close()
                elif packet == _INPUT and not transport.is_closing():
                    transport.write(data)
        finally:
            transport.close()


class Transfers:
    """The service `sync:`: requests of a name, a length and that many bytes, one after the other."""

    def __init__(self, stream: Stream) -> None:
        self._stream, self._faults = stream, stream.daemon.faults

    async def run(self) -> None:
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
        facts, error = (0,) * 11, 0
        try:
            host_path = self._stream.daemon.host_path(path)
            found = host_path.lstat() if self._name == b"LST2" else host_path.stat()
            times = (int(found.st_atime), int(found.st_mtime), int(found.st_ctime))
            ids = (found.st_dev, found.st_ino, found.st_mode, found.st_nlink, found.st_uid, found.st_gid)
            facts = (*ids, found.st_size, *times, 0)
        except OSError as problem:
            error = problem.errno or 0
        await self._stream.write(struct.pack("<4sIQQIIIIQqqq", self._name, error, *facts[:10]))
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
        path, limit = self._stream.daemon.host_path(name), self._faults.full_disk_after
        cut = self._faults.cut_push_after
        try:
            if not path.is_relative_to(self._stream.daemon.storage):
                raise PermissionError(13, "Permission denied")
            if limit == 0 and self._faults.strike(True):
                raise OSError(28, "No space left on device")
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("wb")
        except OSError as problem:
            return await self._refuse(f"couldn't create file: {problem.strerror}")
        size, is_whole = 0, False
        try:
            with file:
                while True:
                    request, length = await self._request()
                    if request == b"DONE":
                        break
                    data = await self._stream.read(length)
                    if size == 0 and self._faults.strike(self._faults.corrupt_push and length > 0):
                        data = bytes([data[0] ^ 0xFF]) + data[1:]
                    size += length
                    if self._faults.strike(cut is not None and size >= cut):
                        await self._stream.lose_connection()
                    if self._faults.strike(limit is not None and size > limit):
                        return await self._refuse("write failed: No space left on device")
                    file.write(data)
            is_whole = True
        finally:
            if not is_whole:
                path.unlink(missing_ok=True)  # as adbd does
        owner = int(mode) >> 6 & 7
        path.chmod(owner << 6 | owner << 3 | owner)
        os.utime(path, (time.time(), length))
        await self._stream.write(struct.pack("<4sI", b"OKAY", 0))
        self._stream.daemon.pushes.append(os.fsdecode(name))
        return True

    async def _refuse(self, reason: str) -> bool:
        """Tell the host why, then swallow what it sends until it notices."""
        await self._fail(reason)
        while (request := await self._request())[0] == b"DATA":
            await self._stream.read(request[1])
        return False


def _parts(content: bytes, size: int = _MAX_CHUNK) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))
