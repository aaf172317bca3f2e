"""`Adb`: commands and files to a phone, through the program `adb`."""

import contextlib
import dataclasses
import hashlib
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce

_Result = TypeVar("_Result")

_ANSWER_S = 20.0  # that a small command may take
_BYTES_PER_S = 500_000  # that a push must reach; USB 2 has some 30,000,000
_ATTEMPTS = 3
_PAUSE_S = 0.5  # doubled before every further attempt
_SECONDS_BETWEEN_LOOKS = 2.0
_END = "ofa_tf exit status "  # what a shell command prints last: without it, the output was cut
_ADVICE = {
    "unauthorized": "Unlock the phone and confirm the question whether to allow USB debugging.",
    "offline": "Unplug the phone and plug it in again, or run `adb reconnect`.",
    "no permissions": "Give your user access to USB devices (Debian: the package android-sdk-platform-tools-common).",
    "absent": "Plug the phone in with USB debugging enabled, or run `adb connect ADDRESS`; `adb devices` must show it.",
}
_NO_TRANSPORT = re.compile(
    r"device offline|device '.*' not found|no devices|device still (?:connecting|authorizing)|connection reset"
    r"|broken pipe|protocol fault|^error: closed|couldn't read from device|failed to read copy response"
    r"|cannot connect to daemon|connect failed",
    re.IGNORECASE | re.MULTILINE,
)
# What a phone says that another attempt does not change.
_REFUSED = re.compile("Permission denied|Read-only file system|No such file or directory|Not a directory|secure_mkdirs")


class TransportError(Exception):
    """The connection to a phone failed; another attempt may succeed."""


class PhoneLostError(InputError):
    """A phone is not reached, in spite of further attempts and of waiting."""


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
    """

    def __init__(self, serial: str, wait_s: float = 0.0, program: str = "adb") -> None:
        self.serial = serial
        self.waited_s = 0.0  # for the phone, in all
        self.num_faults = 0  # attempts that failed, in all
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
                return self._run_script(script, timeout_s)
            with _timeouts_as_faults():
                return self._run_script(script, _ANSWER_S)

        return self._persist(attempt)

    def _run_script(self, script: str, timeout_s: float) -> ShellResult:
        completed = self._execute("shell", f"{script}\necho '{_END}'$?", timeout_s=timeout_s)
        stdout, mark, status = completed.stdout.replace("\r\n", "\n").rpartition(_END)
        if not mark or not status.strip().isdigit():
            raise TransportError(_first_line(completed.stderr) or "the output of a command ended early")
        return ShellResult(int(status), stdout, completed.stderr)

    def push(self, local: Path, remote: str) -> None:
        """Copy a file to the phone unless it is there, and check that it arrived.

        Args:
            local: The file.
            remote: Full path on the phone; its folder must exist.

        Raises:
            InputError: If the phone has no room for it, refuses it or is not reached.
        """
        sha256 = hashlib.sha256(local.read_bytes()).hexdigest()
        timeout_s = _ANSWER_S + local.stat().st_size / _BYTES_PER_S

        def attempt() -> None:
            with _timeouts_as_faults():
                if self._sha256(remote) == sha256:
                    return
                completed = self._execute("push", str(local.absolute()), remote, timeout_s=timeout_s)
                message = completed.stderr + completed.stdout
                if completed.returncode != 0 and "No space left on device" in message:
                    raise InputError(
                        f"Expected {self.serial} to have room for {local} ({local.stat().st_size:,} bytes). "
                        "Received: no space left on device. Free some on the phone."
                    )
                if completed.returncode != 0 and _REFUSED.search(message):
                    raise InputError(
                        f"Expected {self.serial} to take {local} as {remote}. Received: {_first_line(message)}."
                    )
                if completed.returncode != 0:
                    raise TransportError(_first_line(message) or f"pushing {local} failed without a message")
                if self._sha256(remote) != sha256:
                    raise TransportError(f"{local} arrived damaged")

        self._persist(attempt)

    def _sha256(self, remote: str) -> str | None:
        result = self._run_script(shlex.join(["sha256sum", remote]), _ANSWER_S)
        if result.status == 127:
            raise InputError(
                f"Expected {self.serial} to have the program sha256sum, as Android has since version 6. "
                f"Received: {_first_line(result.stderr + result.stdout)}."
            )
        return result.stdout.split()[0] if result.status == 0 and result.stdout.split() else None

    def _execute(self, *arguments: str, timeout_s: float) -> "subprocess.CompletedProcess[str]":
        completed = execute([self._program, "-s", self.serial, *arguments], timeout_s)
        # `adb push` complains on stdout; that of `adb shell` is the command's own.
        message = completed.stderr if arguments[0] == "shell" else completed.stderr + completed.stdout
        if completed.returncode != 0 and "device unauthorized" in message:
            raise _not_ready(self.serial, "unauthorized")
        if completed.returncode != 0 and _NO_TRANSPORT.search(message):
            raise TransportError(_first_line(message))
        return completed

    def _persist(self, action: Callable[[], _Result]) -> _Result:
        """Try again when the connection fails, a few times, each after a longer pause."""
        error: TransportError | None = None
        for attempt in range(_ATTEMPTS):
            if error is not None:
                time.sleep(_PAUSE_S * 2**attempt)
                self.wait()
            try:
                return action()
            except TransportError as failure:
                error = failure
                self.num_faults += 1
        raise PhoneLostError(
            f"Expected {self.serial} to stay connected. Received: {error} ({_ATTEMPTS} attempts). Check the cable."
        ) from error

    def wait(self) -> None:
        """Wait for the phone if it is gone.

        Raises:
            PhoneLostError: If it is not back in time, or refuses this computer.
        """
        start, is_announced = time.monotonic(), False
        try:
            while (state := self._state_for_waiting(start + self._wait_s)) != "device":
                if state == "unauthorized" or time.monotonic() >= start + self._wait_s:
                    raise _not_ready(self.serial, state)
                if not is_announced:
                    announce(f"{self.serial} is {state}; waiting for it up to {self._wait_s / 60:g} minutes")
                    is_announced = True
                time.sleep(_SECONDS_BETWEEN_LOOKS)
                if ":" in self.serial:  # a phone in the network; one on USB comes back by itself
                    with contextlib.suppress(TimeoutError):
                        # An offline one counts as connected: without the first, the second does nothing.
                        execute([self._program, "disconnect", self.serial], _ANSWER_S)
                        execute([self._program, "connect", self.serial], _ANSWER_S)
        finally:
            self.waited_s += time.monotonic() - start

    def _state_for_waiting(self, deadline: float) -> str:
        """The state; "absent" while there is time left and adb does not answer, as when its server is restarted."""
        try:
            return self.state()
        except PhoneLostError:
            if time.monotonic() >= deadline:
                raise
            return "absent"


@contextlib.contextmanager
def _timeouts_as_faults() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise TransportError(str(error)) from error


def list_phones(program: str = "adb") -> dict[str, str]:
    """The state of each phone that `adb devices` shows, by serial.

    Raises:
        InputError: If there is no `adb` program, or it does not answer.
    """
    try:
        completed = execute([program, "devices"], _ANSWER_S)
    except TimeoutError as error:
        raise PhoneLostError(f"Expected adb to list phones. Received: {error}. Try: adb kill-server.") from error
    if completed.returncode != 0:
        raise PhoneLostError(f"Expected adb to list phones. Received: {_first_line(completed.stderr)}.")
    rows = [line.split("\t", 1) for line in completed.stdout.splitlines() if "\t" in line]
    return {serial: "no permissions" if state.startswith("no permissions") else state for serial, state in rows}


def find_phone(serial: str | None = None, program: str = "adb") -> str:
    """The serial of the phone to use.

    Args:
        serial: What the user asked for; `None`: the only one that is connected.
        program: The `adb` program.

    Raises:
        InputError: If it is not connected and ready, or there are several to choose from.
    """
    phones = list_phones(program)
    if serial is None and len(phones) > 1:
        raise InputError(
            f"Expected one phone, or --device=adb:SERIAL. Received: {len(phones)} phones: {', '.join(phones)}."
        )
    if serial is None:
        serial = next(iter(phones), None)
    if serial is None:
        raise InputError(f"Expected a phone. Received: none that adb sees. {_ADVICE['absent']}")
    state = phones.get(serial, "absent")
    if state != "device":
        raise _not_ready(serial, state)
    return serial


def execute(command: Sequence[str], timeout_s: float) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end.

    Args:
        command: Program and arguments; no shell sees them.
        timeout_s: Seconds that it may take; then it is killed.

    Raises:
        InputError: If there is no such program.
        TimeoutError: If it takes longer.
    """
    try:
        return subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL,
            timeout=timeout_s, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise InputError(
            f"Expected the program {command[0]!r}. Received: not found. "
            "Install Android's platform tools (Debian and Ubuntu: the package adb)."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"no answer from {' '.join(command[:4])} within {timeout_s:g} s") from error


def _not_ready(serial: str, state: str) -> PhoneLostError:
    advice = _ADVICE.get(state, "`adb devices` must show it as 'device'.")
    return PhoneLostError(f"Expected the phone {serial} to be ready. Received: it is {state}. {advice}")


def _first_line(text: str) -> str:
    """The first line that says something; adb marks those about its own start with stars."""
    lines = (line.strip() for line in text.splitlines())
    line = next((line for line in lines if line and not line.startswith("*")), "")
    return line.removeprefix("adb: ").removeprefix("error: ")
