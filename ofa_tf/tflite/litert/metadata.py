"""Facts inside a `.tflite` file, where a program on a phone finds them without a second file."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.litert.flatbuffer import IDENTIFIER, pack_model, unpack_model

ENTRY = "ofa_tf"  # name of the metadata entry; its content is JSON in UTF-8


def add_metadata(content: bytes, facts: Mapping[str, Any]) -> bytes:
    """Add facts to a TFLite model, or replace those that it has.

    Args:
        content: Content of a `.tflite` file.
        facts: JSON-serialisable.

    Returns:
        Content of the file with a metadata entry called `ofa_tf`.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = unpack_model(content)
    data = np.frombuffer(json.dumps(facts, ensure_ascii=False).encode(), np.uint8)
    entries = model.metadata or []
    own = next((entry for entry in entries if _name(entry) == ENTRY), None)
    if own is None:
        model.buffers.append(schema.BufferT())
        own = schema.MetadataT(name=ENTRY, buffer=len(model.buffers) - 1)
        model.metadata = [*entries, own]
    model.buffers[own.buffer].data = data
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
        for index in range(parsed.MetadataLength()):
            entry = parsed.Metadata(index)
            if entry.Name() == ENTRY.encode():
                return dict(json.loads(parsed.Buffers(entry.Buffer()).DataAsNumpy().tobytes()))
    except (struct.error, IndexError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"Expected {name} to be a complete TFLite file. Received: a damaged one ({error}). "
            "Write it again with tools/to_tflite.py."
        ) from error
    return None


def read_tflite(model: bytes | str | Path) -> tuple[bytes, str]:
    """Content of a TFLite file and its name for messages.

    Raises:
        InputError: If the file is missing or does not begin as a TFLite file.
    """
    if isinstance(model, bytes):
        content, name = model, "the model"
    else:
        name = str(model)
        try:
            content = Path(model).read_bytes()
        except (FileNotFoundError, IsADirectoryError) as error:
            raise InputError(
                f"Expected a TFLite file at {name}. Received: {error.strerror}. Write one with tools/to_tflite.py."
            ) from error
    if content[4:8] != IDENTIFIER:
        raise InputError(
            f"Expected {name} to be a TFLite file. Received: {len(content)} bytes beginning with {content[:8]!r}. "
            "Write it again with tools/to_tflite.py."
        )
    return content, name


def _name(entry: Any) -> str:
    return entry.name.decode() if isinstance(entry.name, bytes) else entry.name
