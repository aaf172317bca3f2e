"""The first line of an accuracy table's file: what all its measurements have in common."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.search.shards import Shard

_SCHEMA = "ofa_tf/accuracy_table/2"
# What reading a first line that is something else raises.
_HEADER_ERRORS = (ValueError, TypeError, KeyError, AttributeError)

# What to do about a file that cannot be read.
BUILD_AGAIN = "Delete the file, and build the table again with tools/build_accuracy_table.py."


@dataclasses.dataclass(frozen=True)
class Origin:
    """What decides the measurements of a table.

    Args:
        split: Name of the images that were measured on, see `ofa_tf.data.shares`.
        network: What identifies the supernet, such as its file's hash.
        shard: Which subnets these are, if others measure the rest of them.
    """

    split: str
    network: str
    shard: Shard | None = None


@dataclasses.dataclass(frozen=True)
class TableHeader:
    """The first line of a table's file.

    Args:
        space: Name of the search space.
        num_images: Images in each half.
        origin: What decided the measurements.
    """

    space: str
    num_images: tuple[int, int]
    origin: Origin

    def encode(self) -> str:
        """The line, with its end."""
        values: dict[str, Any] = {
            "schema": _SCHEMA,
            "versions": files.versions(),
            "space": self.space,
            "split": self.origin.split,
            "network": self.origin.network,
            "num_images": list(self.num_images),
        }
        if self.origin.shard is not None:
            values["shard"] = self.origin.shard.to_dict()
        return json.dumps(values) + "\n"

    @classmethod
    def decode(cls, line: str) -> "TableHeader":
        """Reverse `encode`.

        Raises:
            ValueError: Or another of `_HEADER_ERRORS`: if the line is something else.
        """
        values = json.loads(line)
        if values["schema"] != _SCHEMA:
            raise InputError(f"the schema {values['schema']!r}")
        num_images = _decode_num_images(values["num_images"])
        shard = values.get("shard")
        if shard is not None:
            shard = Shard.from_dict(shard)
        return cls(str(values["space"]), num_images, Origin(values["split"], values["network"], shard))


def _decode_num_images(values: Any) -> tuple[int, int]:
    """Numbers of images from what a file says.

    Raises:
        ValueError: If these are no two numbers of images.
    """
    is_pair = isinstance(values, list) and len(values) == 2
    # JSON has numbers such as 5.7 and 1e999, and True is a kind of int.
    if not is_pair or any(type(value) is not int for value in values):
        raise ValueError(f"num_images={values}, which are no two whole numbers")
    first, second = values
    if min(first, second) < 0 or first + second == 0:
        raise ValueError(f"num_images={values}, of which nothing can be measured")
    return first, second


def read_table(path: Path, advice: str = BUILD_AGAIN) -> bytes:
    """The content of a table's file.

    Args:
        path: The file.
        advice: What to do about one that cannot be read.

    Raises:
        InputError: If there is none, or it cannot be read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"Expected a file at {path}. Received: no such file. Build one with tools/build_accuracy_table.py."
        ) from error
    except OSError as error:
        raise InputError(f"Expected {path} to be an accuracy table. Received: {error}. {advice}") from error


def whole_lines(content: bytes, path: Path, advice: str = BUILD_AGAIN) -> list[str]:
    """The lines of a table's file that were written to their end, at least one.

    Args:
        content: The content of the file.
        path: Where it comes from, for the message.
        advice: See `read_table`.

    Raises:
        InputError: If there is none, or they are no text.
    """
    whole, end, _ = content.rpartition(b"\n")
    if not end:
        raise InputError(f"Expected {path} to be an accuracy table. Received: a file without a whole line. {advice}")
    try:
        return whole.decode().split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"Expected {path} to be an accuracy table. Received: {error}. {advice}") from error


def read_header(line: str, path: Path, advice: str = BUILD_AGAIN) -> TableHeader:
    """Read the first line of a table.

    Args:
        line: The line.
        path: Where it comes from, for the message.
        advice: See `read_table`.

    Raises:
        InputError: If it is something else.
    """
    try:
        return TableHeader.decode(line)
    except _HEADER_ERRORS as error:
        raise InputError(
            f"Expected line 1 of {path} to be the head of an accuracy table, with the schema {_SCHEMA!r}. "
            f"Received: {describe_fault(error)}. {advice}"
        ) from error


def read_origin(path: Path, advice: str = BUILD_AGAIN) -> Origin:
    """What decided the measurements of a table.

    Args:
        path: Its file.
        advice: See `read_table`.

    Raises:
        InputError: If there is none, or its first line is something else.
    """
    header_line, *_ = whole_lines(read_table(path, advice), path, advice)
    return read_header(header_line, path, advice).origin


def describe_fault(error: Exception) -> str:
    """What reading a line raised, as a part of a message, without a full stop."""
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON ({error.msg}, at column {error.colno})"  # its own text has a number of the line, always 1
    if isinstance(error, KeyError):
        return f"no {error}"
    return str(error).removesuffix(".")
