"""`Stream`: one of several conversations that a connection with an adb server carries."""

import asyncio
from typing import Any, Protocol


class PacketConnection(Protocol):
    """What streams need of their connection, see `adb_daemon.Connection`."""

    daemon: Any
    max_payload: int

    def send(self, command: bytes, first: int, second: int, data: bytes = b"") -> None:
        """Send one packet."""


class Stream:
    """One command or one session of transfers; one packet of each direction is on its way at a time."""

    def __init__(
        self,
        connection: PacketConnection,
        local_id: int,
        remote_id: int,
    ) -> None:
        self.connection = connection
        self.daemon = connection.daemon
        self.local_id = local_id
        self.remote_id = remote_id
        self.opened = False
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
                end = start + self.connection.max_payload
                self.connection.send(b"WRTE", self.local_id, self.remote_id, data[start:end])

    async def lose_connection(self) -> None:
        """Lose the connection once what was sent before has arrived."""
        async with self._writing:
            await self._acknowledged.wait()
        await self.daemon.lose_connections(self.daemon.faults.gone_seconds)
        raise ConnectionResetError
