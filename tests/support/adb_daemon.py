"""A stand-in for a phone: the device side of ADB over loopback TCP, for the real `adb` client.

What commands and transfers do happens in the sandbox of `tests.support.phone`; this is how the host
reaches it, and what can go wrong on the way. It listens on 127.0.0.1 only.

The daemon is one thread with one asyncio loop; `Connection` speaks packets, `Stream` is one
command or one session of transfers in a connection, `Shell` and `Transfers` are what these do.
"""

import asyncio
import contextlib
import os
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.adb_shell import Shell
from tests.support.adb_stream import Stream
from tests.support.adb_transfers import Transfers
from tests.support.phone import Phone

_VERSION = 0x01000001  # the first in which data needs no checksum
_MAX_PAYLOAD = 256 * 1024
_HEADER_BYTES = 24
_HOST_PORTS = range(5555, 5586)  # adb looks for emulators there by itself


@dataclass
class Faults:
    """What goes wrong. Everything may be changed while the daemon runs.

    Attributes:
        unauthorized: Whether every new connection waits for a tap on the phone that never comes.
        offline: Whether new connections are accepted and then never answered.
        without_shell_v2: Whether new connections lack exit codes and standard error, as old phones do.
        delay_seconds: How long every command and transfer waits before it starts.
        hang_command: Commands that match this regular expression never start, and never end.
        kill_command: Commands that match it lose their programs to SIGKILL (the shell itself stays).
        cut_command: Commands that match it lose the connection.
        cut_shell_after: How many bytes of output arrive before that.
        cut_push_after: How many bytes of a file arrive before a push loses the connection.
        gone_seconds: How long connections are refused after such a loss.
        full_disk_after: How many bytes of a pushed file fit on the disk; with 0 not even its name.
        corrupt_push: Whether a byte of every pushed file is flipped.
        times: How often one of the faults from `hang_command` on still strikes; `None` is always.
    """

    unauthorized: bool = False
    offline: bool = False
    without_shell_v2: bool = False
    delay_seconds: float = 0
    hang_command: str | None = None
    kill_command: str | None = None
    cut_command: str | None = None
    cut_shell_after: int = 0
    cut_push_after: int | None = None
    gone_seconds: float = 0
    full_disk_after: int | None = None
    corrupt_push: bool = False
    times: int | None = None

    def strike(self, condition: bool) -> bool:
        """Whether a fault whose condition holds strikes; counts it."""
        if not condition or self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class AdbDaemon(Phone):
    """A phone that `adb connect` finds at `serial`; a context manager.

    Args:
        folder: An empty folder for the sandbox; no blanks or quotes in its path.
        properties: What `getprop` tells besides, or instead of, `PROPERTIES`.
        faults: What goes wrong; none by default.

    Attributes:
        faults: What goes wrong; may be changed.
        commands: The commands received, as the host sent them.
        pushes: Where the files that arrived were put.
        port: Where it listens; 0 until it does.

    Raises:
        ValueError: If the folder's path would need quoting in a shell.
    """

    def __init__(
        self,
        folder: Path,
        properties: dict[str, str] | None = None,
        faults: Faults | None = None,
    ) -> None:
        super().__init__(folder, properties)
        self.faults = faults or Faults()
        self.commands: list[str] = []
        self.pushes: list[str] = []
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._errors: list[BaseException] = []
        self._connections: set[Connection] = set()
        self._returning: asyncio.Task[None] | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run_until_stopped, name="adb_daemon")

    @property
    def serial(self) -> str:
        """The device's name for `adb connect` and `adb -s`."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> "AdbDaemon":
        self._thread.start()
        if not self._started.wait(10):
            raise RuntimeError("Expected the daemon to start within 10 s. Received: nothing; see its thread's error.")
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        if self._errors and error is None:
            raise self._errors[0]

    def disconnect(self, seconds: float = 0) -> None:
        """Drop all connections now and refuse new ones for a time."""
        asyncio.run_coroutine_threadsafe(self.lose_connections(seconds), self._loop).result(10)

    def _run_until_stopped(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        await self._listen()
        self._started.set()
        await self._stopped.wait()
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.kill_all()

    async def _listen(self) -> None:
        refused = []
        while not self.port or self.port in _HOST_PORTS:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
            refused.append(self._server)  # kept open meanwhile, so that the next port is another one
            self.port = self._server.sockets[0].getsockname()[1]
        for server in refused[:-1]:
            server.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, reader, writer)
        self._connections.add(connection)
        self.spawn(connection.serve()).add_done_callback(lambda _: self._connections.discard(connection))

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run a task until it ends or the daemon stops; what it raises, leaving the `with` block raises."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish)
        return task

    def _finish(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ConnectionError | asyncio.IncompleteReadError):
            self._errors.append(error)

    async def lose_connections(self, seconds: float) -> None:
        """Drop all connections and refuse new ones for a time; runs in the daemon's thread."""
        if seconds:
            self._server.close()
            if self._returning is not None:
                self._returning.cancel()
            self._returning = self.spawn(self._listen_again(seconds))
        for connection in list(self._connections):
            connection.drop()

    async def _listen_again(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)


class Connection:
    """One connection with an adb server: packets of a header of 24 bytes and data."""

    def __init__(
        self,
        daemon: AdbDaemon,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.daemon = daemon
        self.max_payload = _MAX_PAYLOAD
        self._reader = reader
        self._writer = writer
        self._streams: dict[int, Stream] = {}
        self._next_id = 1

    def drop(self) -> None:
        """End the connection without a word, as when the phone leaves the network."""
        self._writer.close()

    def send(
        self,
        command: bytes,
        first: int,
        second: int,
        data: bytes = b"",
    ) -> None:
        """Send one packet."""
        if self._writer.is_closing():
            raise ConnectionResetError
        number = int.from_bytes(command, "little")
        checksum = 0 if command == b"WRTE" else sum(data)
        inverse = number ^ 0xFFFFFFFF
        header = struct.pack("<6I", number, first, second, len(data), checksum, inverse)
        self._writer.write(header + data)

    async def serve(self) -> None:
        """Answer packets until the connection ends."""
        try:
            while True:
                header = await self._reader.readexactly(_HEADER_BYTES)
                number, first, second, length, _, _ = struct.unpack("<6I", header)
                data = await self._reader.readexactly(length)
                self._answer(number.to_bytes(4, "little"), first, second, data)
                await self._writer.drain()
        finally:
            for stream in list(self._streams.values()):
                stream.hang_up()
            self._writer.close()

    def _answer(
        self,
        command: bytes,
        first: int,
        second: int,
        data: bytes,
    ) -> None:
        faults = self.daemon.faults
        if command in (b"CNXN", b"AUTH") and faults.offline:
            return
        if command == b"CNXN":
            self.max_payload = min(second, _MAX_PAYLOAD)
            if faults.unauthorized:
                self.send(b"AUTH", 1, 0, os.urandom(20))
            else:
                self.send(b"CNXN", _VERSION, _MAX_PAYLOAD, self._banner())
        elif command == b"AUTH" and first == 2:  # a signature, never good enough; then the host sends its key
            self.send(b"AUTH", 1, 0, os.urandom(20))
        elif command == b"OPEN":
            stream = Stream(self, self._next_id, first)
            self._streams[self._next_id] = stream
            self._next_id += 1
            self.daemon.spawn(self._run(stream, data.rstrip(b"\0")))
        elif second in self._streams and command in (b"OKAY", b"WRTE", b"CLSE"):
            stream = self._streams[second]
            if command == b"OKAY":
                stream.acknowledge()
            elif command == b"WRTE":
                stream.arrive(data)
            else:
                stream.hang_up()

    def _banner(self) -> bytes:
        features = ["stat_v2"] if self.daemon.faults.without_shell_v2 else ["shell_v2", "stat_v2"]
        names = ("ro.product.name", "ro.product.model", "ro.product.device")
        facts = "".join(f"{name}={self.daemon.properties[name]};" for name in names)
        return f"device::{facts}features={','.join(features)}".encode()

    async def _run(self, stream: Stream, service: bytes) -> None:
        try:
            await asyncio.sleep(self.daemon.faults.delay_seconds)
            name, _, command = service.partition(b":")
            words = name.split(b",")
            if words[0] == b"shell":
                await Shell(stream, os.fsdecode(command), b"v2" in words).run()
            elif words[0] == b"sync":
                await Transfers(stream).run()
        finally:
            del self._streams[stream.local_id]
            with contextlib.suppress(ConnectionError):
                self.send(b"CLSE", stream.local_id if stream.opened else 0, stream.remote_id)
