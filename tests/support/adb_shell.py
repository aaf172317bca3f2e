"""What an `AdbDaemon` does for a command of its host: the service `shell:`."""

import asyncio
import re
import signal
import struct
import subprocess
from typing import IO

from tests.support.adb_stream import Stream
from tests.support.phone import kill_program

_MAX_CHUNK = 64 * 1024  # of a command's output
_OUTPUT, _ERRORS, _EXIT, _INPUT, _CLOSE_INPUT = 1, 2, 3, 0, 4  # packets of the shell protocol


class Shell:
    """A command: as adbd does, the shell gets SIGHUP, and nobody else, if the host hangs up."""

    def __init__(
        self,
        stream: Stream,
        command: str,
        has_packets: bool,
    ) -> None:
        self._stream = stream
        self._command = command
        self._has_packets = has_packets
        self._faults = stream.daemon.faults
        self._left: int | None = None  # bytes of output until the connection is lost

    async def run(self) -> None:
        """Run the command until it ends or the host hangs up."""
        daemon = self._stream.daemon
        daemon.commands.append(self._command)
        if self._matches(self._faults.cut_command):
            self._left = self._faults.cut_shell_after
        command = self._command
        if self._matches(self._faults.hang_command):
            command = "exec sleep 1000000"
        process = daemon.start(command, merged=not self._has_packets)
        self._stream.open()
        if self._matches(self._faults.kill_command):
            daemon.spawn(self._kill(process))

        working = asyncio.ensure_future(self._work(process))
        feeding = asyncio.ensure_future(self._feed(process))
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
        """Kill the program that the fault names as soon as the shell has started it, which may take its time."""
        pattern = self._faults.kill_command
        assert pattern is not None
        while process.poll() is None and not kill_program(process, pattern):
            await asyncio.sleep(0.002)

    def _matches(self, pattern: str | None) -> bool:
        if pattern is None:
            return False
        is_match = re.search(pattern, self._command) is not None
        return self._faults.strike(is_match)

    async def _work(self, process: "subprocess.Popen[bytes]") -> None:
        forwarding = []
        for pipe, packet in ((process.stdout, _OUTPUT), (process.stderr, _ERRORS)):
            if pipe is not None:
                forwarding.append(self._forward(pipe, packet))
        await asyncio.gather(*forwarding)
        while process.poll() is None:
            await asyncio.sleep(0.002)
        if self._left is not None:
            await self._stream.lose_connection()
        if self._has_packets:
            status = process.returncode
            if status < 0:  # a signal ended it, which shells tell by numbers above 128
                status = 128 - status
            await self._stream.write(struct.pack("<BIB", _EXIT, 1, status))

    async def _forward(self, pipe: IO[bytes], packet: int) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            while data := await reader.read(_MAX_CHUNK):
                if self._left is None:
                    await self._write(packet, data)
                    continue
                data = data[: self._left]
                await self._write(packet, data)
                self._left -= len(data)
                if not self._left:
                    await self._stream.lose_connection()
        finally:
            transport.close()

    async def _write(self, packet: int, data: bytes) -> None:
        if self._has_packets:
            data = struct.pack("<BI", packet, len(data)) + data
        await self._stream.write(data)

    async def _feed(self, process: "subprocess.Popen[bytes]") -> None:
        transport, _ = await asyncio.get_running_loop().connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        try:
            while True:
                packet, data = await self._read()
                if packet == _CLOSE_INPUT:
                    transport.close()
                elif packet == _INPUT and not transport.is_closing():
                    transport.write(data)
        finally:
            transport.close()

    async def _read(self) -> tuple[int, bytes]:
        """The kind and content of the next packet from the host."""
        if not self._has_packets:
            return _INPUT, await self._stream.read_some()
        packet, length = struct.unpack("<BI", await self._stream.read(5))
        return packet, await self._stream.read(length)
