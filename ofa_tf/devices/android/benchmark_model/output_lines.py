"""The lines that `benchmark_model` prints: what all that read them share."""

import re
from collections.abc import Sequence

from ofa_tf.base.errors import InputError

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_SEVERITY_AND_PLACE = re.compile(r"^(?:(?:INFO|WARN|WARNING|VERBOSE|ERROR): ?)?(?:\[[^\]]*:\d+\] ?)?")


def split_lines(text: str) -> list[str]:
    """The lines of a text, without the severities and places in the source that some builds begin them with."""
    lines = []
    for line in text.split("\n"):
        without_return = line.rstrip("\r")
        lines.append(_SEVERITY_AND_PLACE.sub("", without_return, count=1))
    return lines


def parse_number(text: str, line: str) -> float:
    """The number that a text is.

    Raises:
        InputError: If it is none; the line that it is from is quoted.
    """
    if not _NUMBER.fullmatch(text):
        raise not_understood(line)
    return float(text)


def not_understood(line: str) -> InputError:
    """The error that quotes a line of another form than expected."""
    return InputError(f"Expected a line as benchmark_model prints them. Received: {line.strip()!r}.")


def last_line(lines: Sequence[str]) -> str:
    """The last line that says something; empty if none does."""
    for line in reversed(lines):
        if line.strip():
            return line.strip()
    return ""
