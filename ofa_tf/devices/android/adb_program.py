"""Calls of the program `adb`, and what its failures mean."""

import subprocess
from collections.abc import Sequence

from ofa_tf.base.errors import InputError

ANSWER_S = 20.0  # that a small command may take

_ADVICE = {
    "unauthorized": "Unlock the phone and confirm the question whether to allow USB debugging.",
    "offline": "Unplug the phone and plug it in again, or run `adb reconnect`.",
    "no permissions": "Give your user access to USB devices (Debian: the package android-sdk-platform-tools-common).",
    "absent": "Plug the phone in with USB debugging enabled, or run `adb connect ADDRESS`; `adb devices` must show it.",
}
_ADVICE_FOR_OTHER_STATES = "`adb devices` must show it as 'device'."
_MAX_QUOTED_WORDS = 4  # of a command, in messages


class TransportError(Exception):
    """The connection to a phone failed; another attempt may succeed."""


class PhoneLostError(InputError):
    """A phone is not reached, in spite of further attempts and of waiting."""


def execute(
    command: Sequence[str],
    timeout_s: float,
) -> "subprocess.CompletedProcess[str]":
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
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise InputError(
            f"Expected the program {command[0]!r}. Received: not found. "
            "Install Android's platform tools (Debian and Ubuntu: the package adb)."
        ) from error
    except subprocess.TimeoutExpired as error:
        quoted = " ".join(command[:_MAX_QUOTED_WORDS])
        raise TimeoutError(f"no answer from {quoted} within {timeout_s:g} s") from error


def first_line(text: str) -> str:
    """The first line that says something; adb marks those about its own start with stars."""
    for line in text.splitlines():
        message = line.strip()
        if message and not message.startswith("*"):
            return message.removeprefix("adb: ").removeprefix("error: ")
    return ""


def advice_for(state: str) -> str:
    """What to do about a phone in a state in which it is not ready."""
    return _ADVICE.get(state, _ADVICE_FOR_OTHER_STATES)


def not_ready(serial: str, state: str) -> PhoneLostError:
    """The error that says that a phone is not ready, and what to do about it."""
    return PhoneLostError(f"Expected the phone {serial} to be ready. Received: it is {state}. {advice_for(state)}")
