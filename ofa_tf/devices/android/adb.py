"""`Adb`: commands and files to a phone, through the program `adb`."""

import contextlib
import dataclasses
import hashlib
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce
from ofa_tf.devices.android import adb_program
from ofa_tf.devices.android.adb_program import PhoneLostError, TransportError, execute, first_line, not_ready
from ofa_tf.devices.android.connected_phones import list_phones

_Result = TypeVar("_Result")

_MIN_BYTES_PER_S = 500_000  # that a push must reach; USB 2 has some 30,000,000
_MAX_ATTEMPTS = 3
_PAUSE_S = 0.5  # doubled before every further attempt
_SECONDS_BETWEEN_LOOKS = 2.0
_COMMAND_NOT_FOUND = 127  # the exit status of a shell

# What a shell command prints last: without it, the output was cut.
_END = "ofa_tf exit status "

_NO_TRANSPORT = re.compile(
    r"device offline|device '.*' not found|no devices|device still (?:connecting|authorizing)|connection reset"
    r"|broken pipe|protocol fault|^error: closed|couldn't read from device|failed to read copy response"
    r"|cannot connect to daemon|connect failed",
    re.IGNORECASE | re.MULTILINE,
)
# What a phone says that another attempt does not change.
_REFUSED = re.compile("Permission denied|Read-only file system|No such file or directory|Not a directory|secure_mkdirs")


@dataclasses.dataclass(frozen=True)
class ShellResult:
    """What a command on a phone gave. Old phones put stderr into stdout."""

    status: int
    stdout: str
    stderr: str


class Adb:
    """One phone.

    Faults of the connection are met with further attempts, and a phone that is
    gone is waited for.

    Args:
        serial: What `adb devices` calls the phone.
        wait_s: How long to wait for a phone that is gone, seconds.
        program: The `adb` program.

    Attributes:
        waited_s: How long the phone was waited for, in all, seconds.
        num_faults: Attempts that failed, in all.
    """

    def __init__(
        self,
        serial: str,
        wait_s: float = 0.0,
        program: str = "adb",
    ) -> None:
        self.serial = serial
        self.waited_s = 0.0
        self.num_faults = 0
        self._wait_s = wait_s
        self._program = program

    def without_waiting(self) -> "Adb":
        """The same phone, which is not waited for if it is gone."""
        return Adb(self.serial, 0, self._program)

    def state(self) -> str:
        """`"device"` if the phone is ready, else `"offline"`, `"unauthorized"`, ... or `"absent"`."""
        return list_phones(self._program).get(self.serial, "absent")

    def shell(self, *command: str) -> ShellResult:
        """Run a small program on the phone, with its arguments as they are.

        Raises:
            InputError: If the phone is not reached.
        """
        return self.run_script(shlex.join(command))

    def run_script(self, script: str, timeout_s: float | None = None) -> ShellResult:
        """Run a shell script on the phone.

        Args:
            script: The script; parts that vary must be quoted.
            timeout_s: Seconds that it may take, in each attempt. `None`: it is a
                small one, and if it takes long, the connection is at fault.

        Raises:
            InputError: If the phone is not reached.
            TimeoutError: If the script takes longer than `timeout_s`. It may still
                run on the phone.
        """

        def attempt() -> ShellResult:
            if timeout_s is not None:
                return self._run_script_once(script, timeout_s)
            with _timeouts_as_faults():
                return self._run_script_once(script, adb_program.ANSWER_S)

        return self._retry(attempt)

    def push(self, local: Path, remote: str) -> None:
        """Copy a file to the phone unless it is there, and check that it arrived.

        Args:
            local: The file.
            remote: Full path on the phone; its folder must exist.

        Raises:
            InputError: If the phone has no room for it, refuses it or is not reached.
        """
        sha256 = hashlib.sha256(local.read_bytes()).hexdigest()

        def attempt() -> None:
            with _timeouts_as_faults():
                if self._sha256(remote) == sha256:
                    return
                self._push_once(local, remote)
                if self._sha256(remote) != sha256:
                    raise TransportError(f"{local} arrived damaged")

        self._retry(attempt)

    def wait(self) -> None:
        """Wait for the phone if it is gone.

        Raises:
            PhoneLostError: If it is not back in time, or refuses this computer.
        """
        start = time.monotonic()
        try:
            self._wait_until(start + self._wait_s)
        finally:
            self.waited_s += time.monotonic() - start

    def _retry(self, action: Callable[[], _Result]) -> _Result:
        """Try again when the connection fails, a few times, each after a longer pause."""
        error: TransportError | None = None
        for attempt in range(_MAX_ATTEMPTS):
            if error is not None:
                time.sleep(_PAUSE_S * 2**attempt)
                self.wait()
            try:
                return action()
            except TransportError as failure:
                error = failure
                self.num_faults += 1
        raise PhoneLostError(
            f"Expected {self.serial} to stay connected. Received: {error} ({_MAX_ATTEMPTS} attempts). Check the cable."
        ) from error

    def _run_script_once(self, script: str, timeout_s: float) -> ShellResult:
        # Old phones do not hand the exit status on, and a connection that is cut looks like success.
        completed = self._execute("shell", f"{script}\necho '{_END}'$?", timeout_s=timeout_s)
        output = completed.stdout.replace("\r\n", "\n")
        stdout, end, status = output.rpartition(_END)
        if not end or not status.strip().isdigit():
            raise TransportError(first_line(completed.stderr) or "the output of a command ended early")
        return ShellResult(int(status), stdout, completed.stderr)

    def _push_once(self, local: Path, remote: str) -> None:
        size_bytes = local.stat().st_size
        timeout_s = adb_program.ANSWER_S + size_bytes / _MIN_BYTES_PER_S
        completed = self._execute("push", str(local.absolute()), remote, timeout_s=timeout_s)
        if completed.returncode == 0:
            return
        message = completed.stderr + completed.stdout
        if "No space left on device" in message:
            raise InputError(
                f"Expected {self.serial} to have room for {local} ({size_bytes:,} bytes). "
                "Received: no space left on device. Free some on the phone."
            )
        if _REFUSED.search(message):
            raise InputError(f"Expected {self.serial} to take {local} as {remote}. Received: {first_line(message)}.")
        raise TransportError(first_line(message) or f"pushing {local} failed without a message")

    def _sha256(self, remote: str) -> str | None:
        """The hash of a file on the phone; `None` if there is no such file."""
        result = self._run_script_once(shlex.join(["sha256sum", remote]), adb_program.ANSWER_S)
        if result.status == _COMMAND_NOT_FOUND:
            raise InputError(
                f"Expected {self.serial} to have the program sha256sum, as Android has since version 6. "
                f"Received: {first_line(result.stderr + result.stdout)}."
            )
        words = result.stdout.split()
        if result.status != 0 or not words:
            return None
        return words[0]

    def _execute(
        self,
        *arguments: str,
        timeout_s: float,
    ) -> "subprocess.CompletedProcess[str]":
        """Call adb for this phone, once.

        Raises:
            PhoneLostError: If the phone refuses this computer.
            TransportError: If the connection fails.
            TimeoutError: If it takes longer than `timeout_s`.
        """
        completed = execute([self._program, "-s", self.serial, *arguments], timeout_s)
        if completed.returncode == 0:
            return completed
        message = completed.stderr
        if arguments[0] != "shell":  # `adb push` complains on stdout; that of `adb shell` is the command's own
            message += completed.stdout
        if "device unauthorized" in message:
            raise not_ready(self.serial, "unauthorized")
        if _NO_TRANSPORT.search(message):
            raise TransportError(first_line(message))
        return completed

    def _wait_until(self, deadline: float) -> None:
        is_announced = False
        while True:
            state = self._state_for_waiting(deadline)
            if state == "device":
                return
            if state == "unauthorized" or time.monotonic() >= deadline:
                raise not_ready(self.serial, state)
            if not is_announced:
                announce(f"{self.serial} is {state}; waiting for it up to {self._wait_s / 60:g} minutes")
                is_announced = True
            time.sleep(_SECONDS_BETWEEN_LOOKS)
            if ":" in self.serial:  # a phone in the network; one on USB comes back by itself
                self._connect_anew()

    def _state_for_waiting(self, deadline: float) -> str:
        """The state; "absent" while there is time left and adb does not answer, as when its server is restarted."""
        try:
            return self.state()
        except PhoneLostError:
            if time.monotonic() >= deadline:
                raise
            return "absent"

    def _connect_anew(self) -> None:
        with contextlib.suppress(TimeoutError):
            # An offline phone counts as connected: without the first, the second does nothing.
            execute([self._program, "disconnect", self.serial], adb_program.ANSWER_S)
            execute([self._program, "connect", self.serial], adb_program.ANSWER_S)


@contextlib.contextmanager
def _timeouts_as_faults() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise TransportError(str(error)) from error
