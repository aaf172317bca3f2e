"""A model as a C array, as programs for microcontrollers, which have no files, take it in."""

import re
from collections.abc import Iterator
from pathlib import Path

from ofa_tf.base import files
from ofa_tf.base.errors import InputError

_FIRST_LINE = "// Written by ofa_tf (ofa_tf/c_array/1): "
_BYTES_PER_LINE = 12
_ALIGNMENT = 16  # bytes; TFLite's schema demands it of buffers

_HEADER = """{first_line}the model {model}, declared.
// Its operators, to be registered with the interpreter: {operators}.
#pragma once

#include <cstddef>

extern const unsigned char {name}[];
extern const std::size_t {name}_size;
"""

_SOURCE = """{first_line}the model {model}.
#include "{header}"

alignas({alignment}) const unsigned char {name}[] = {{
{numbers}
}};
const std::size_t {name}_size = sizeof({name});
"""


def header_path(source: Path) -> Path:
    """The header of a C++ file: `M.cc` -> `M.h`."""
    return source.with_suffix(".h")


def check_c_array_output(source: Path) -> None:
    """Check that an array can be written, and does not replace a file that is none.

    Raises:
        InputError: If the source or the header cannot be written, or another file, not empty,
            has its name.
    """
    for path in (source, header_path(source)):
        files.check_output(path)
        if not path.is_file() or path.stat().st_size == 0:
            continue
        if not path.read_bytes().startswith(_FIRST_LINE.encode()):
            raise InputError(
                f"Expected {path} to be free, or an older array of a model. Received: another file; it is not "
                "replaced. Choose another name, or move that file away."
            )


def write_c_array(source: Path, model: Path) -> None:
    """Write a C++ file with the bytes of a model, and its header.

    The array is called after the file, and aligned as the interpreter wants it.

    Args:
        source: File to write, ending in `.cc`.
        model: The `.tflite` file.

    Raises:
        InputError: See `check_c_array_output`.
        OSError: If a file cannot be written.
    """
    check_c_array_output(source)
    content = model.read_bytes()
    values = {
        "first_line": _FIRST_LINE,
        "model": model.name,
        "name": _identifier(source.stem),
        "header": header_path(source).name,
        "alignment": _ALIGNMENT,
        "operators": ", ".join(_operators(content)),
    }
    with files.atomic_path(source) as new_source, files.atomic_path(header_path(source)) as new_header:
        new_source.write_text(_SOURCE.format(numbers="\n".join(_lines(content)), **values), encoding="utf-8")
        new_header.write_text(_HEADER.format(**values), encoding="utf-8")


def _operators(content: bytes) -> list[str]:
    """The kinds of operators of a model, by the names that the TFLite schema has for them."""
    from ai_edge_litert import schema_py_generated as schema

    names_by_number = {}
    for name, number in vars(schema.BuiltinOperator).items():
        names_by_number[number] = name
    model = schema.Model.GetRootAs(content)
    names = set()
    for index in range(model.OperatorCodesLength()):
        number = model.OperatorCodes(index).BuiltinCode()
        names.add(names_by_number[number])
    return sorted(names)


def _lines(content: bytes) -> Iterator[str]:
    for first in range(0, len(content), _BYTES_PER_LINE):
        numbers = [f"0x{byte:02x}" for byte in content[first : first + _BYTES_PER_LINE]]
        yield f"    {', '.join(numbers)},"


def _identifier(name: str) -> str:
    """A name as C++ allows it: none of its own words, nor one with two underscores in a row."""
    words = re.findall("[A-Za-z0-9]+", name)
    return "_".join(["g", *words])
