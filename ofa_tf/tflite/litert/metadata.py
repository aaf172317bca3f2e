"""Facts inside a `.tflite` file, where a program on a phone finds them without a second file."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.litert import standard_metadata
from ofa_tf.tflite.litert.flatbuffer import IDENTIFIER, pack_model, unpack_model

ENTRY = "ofa_tf"  # name of the metadata entry; its content is JSON in UTF-8


def add_metadata(content: bytes, facts: Mapping[str, Any]) -> bytes:
    """Add facts to a classifier, or replace those that it has.

    Args:
        content: Content of a `.tflite` file.
        facts: What `ofa_tf.tflite.shipping.sidecar.describe` says; JSON-serialisable.

    Returns:
        Content of the file with the facts in a metadata entry called `ofa_tf`, and as far as
        they are known to it in TFLite's standard metadata, with the names of the classes.
    """
    standard = standard_metadata.standard_metadata(facts)
    packed = _set_entries(content, {ENTRY: _encode(facts), standard_metadata.ENTRY: standard})
    class_names = facts.get("class_names")
    if class_names is None:
        return packed
    return standard_metadata.append_labels(packed, class_names)


def add_own_metadata(content: bytes, facts: Mapping[str, Any]) -> bytes:
    """Add facts to a model without TFLite's standard metadata, which know one way only to use a file.

    Args:
        content: Content of a `.tflite` file.
        facts: JSON-serialisable.

    Returns:
        Content of the file with the facts in a metadata entry called `ofa_tf`.
    """
    return _set_entries(content, {ENTRY: _encode(facts)})


def _encode(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, ensure_ascii=False).encode()


def _set_entries(content: bytes, values: Mapping[str, bytes]) -> bytes:
    """A model with metadata entries of these names and values, in place of those that it has of the same names."""
    from ai_edge_litert import schema_py_generated as schema

    model = unpack_model(content)
    entries = {_name(entry): entry for entry in model.metadata or []}
    for name, value in values.items():
        if name not in entries:
            model.buffers.append(schema.BufferT())
            entries[name] = schema.MetadataT(name=name, buffer=len(model.buffers) - 1)
        index = entries[name].buffer
        model.buffers[index].data = np.frombuffer(value, np.uint8)
    model.metadata = list(entries.values())
    return pack_model(model)


def read_metadata(model: bytes | str | Path) -> dict[str, Any]:
    """Read what `add_metadata` wrote.

    Raises:
        InputError: If the file is missing, damaged, no TFLite file or has no
            such entry.
    """
    content, name = read_tflite(model)
    facts = find_metadata(content, name)
    if facts is None:
        raise InputError(
            f"Expected {name} to be a model that tools/to_tflite.py wrote, with a metadata entry {ENTRY!r}. "
            "Received: a TFLite file without."
        )
    return facts


def find_metadata(content: bytes, name: str) -> dict[str, Any] | None:
    """What `add_metadata` wrote into a model of this content; `None` if it did not.

    Raises:
        InputError: If the model, called by `name`, is damaged.
    """
    from ai_edge_litert import schema_py_generated as schema

    try:
        parsed = schema.Model.GetRootAs(content)
        numbers = {}
        for index in range(parsed.MetadataLength()):
            entry = parsed.Metadata(index)
            numbers[entry.Name()] = entry.Buffer()
        if ENTRY.encode() not in numbers:
            return None
        buffer = parsed.Buffers(numbers[ENTRY.encode()])
        facts = dict(json.loads(buffer.DataAsNumpy().tobytes()))
        # Models of earlier versions have no standard metadata, and nothing behind them.
        has_standard = standard_metadata.ENTRY.encode() in numbers
        if has_standard and facts.get("class_names") is not None:
            standard_metadata.check_labels(content)
    except (struct.error, IndexError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"Expected {name} to be a complete TFLite file. Received: a damaged one ({error}). "
            "Write it again with tools/to_tflite.py."
        ) from error
    return facts


def read_tflite(model: bytes | str | Path) -> tuple[bytes, str]:
    """Content of a TFLite file and its name for messages.

    Raises:
        InputError: If the file is missing or does not begin as a TFLite file.
    """
    name = "the model" if isinstance(model, bytes) else str(model)
    content = model if isinstance(model, bytes) else _read_bytes(model)
    if content[4:8] != IDENTIFIER:
        raise InputError(
            f"Expected {name} to be a TFLite file. Received: {len(content)} bytes beginning with {content[:8]!r}. "
            "Write one with tools/to_tflite.py."
        )
    return content, name


def _read_bytes(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(
            f"Expected a TFLite file at {path}. Received: {error.strerror}. Write one with tools/to_tflite.py."
        ) from error


def _name(entry: Any) -> str:
    """The name of a metadata entry, which is bytes if it was read and text if it is new."""
    if isinstance(entry.name, bytes):
        return entry.name.decode()
    return str(entry.name)
