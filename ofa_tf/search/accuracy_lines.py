"""The lines of an accuracy table's file: an arch and what it gets right.

A table can have a hundred thousand lines, and one by one they would take a minute: they are read as arrays. Only
where that fails, or finds something wrong, they are read one by one, to name the line that is at fault.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_header import describe_fault
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace

# What reading a line that is something else raises.
_LINE_ERRORS = (ValueError, TypeError, KeyError, AttributeError, OverflowError)

# Of more lines at a time, Python's garbage collector would look at all over and over again.
_NUM_READ_TOGETHER = 4096

_FIRST_LINE = 2  # the header is number 1


@dataclasses.dataclass(frozen=True)
class Counts:
    """Archs and what they get right.

    Args:
        genes: int32 `(n, num_genes)`.
        num_correct: int64 `(n, 2)`, in the two halves of the images.
    """

    genes: np.ndarray
    num_correct: np.ndarray


def encode_line(arch: Arch, num_correct: Sequence[int]) -> str:
    """The line of an arch, with its end."""
    entry = {"arch": arch.to_dict(), "num_correct": [int(count) for count in num_correct]}
    return json.dumps(entry) + "\n"


def decode_lines(
    lines: Sequence[str],
    space: SearchSpace,
    num_images: tuple[int, int],
    path: Path,
) -> Counts:
    """Read all lines after the header. An arch that has several equal lines counts once.

    Args:
        lines: Without the header.
        space: Search space of the archs.
        num_images: Images in each half, which no count may exceed.
        path: Where they come from, for messages.

    Raises:
        InputError: If a line is damaged, not of the space or impossible, or two lines of an arch differ.
    """
    try:
        counts = _decode_in_chunks(lines, space)
        is_possible = bool(np.all((counts.num_correct >= 0) & (counts.num_correct <= num_images)))
    except _LINE_ERRORS:
        is_possible = False
    if not is_possible:
        counts = _decode_one_by_one(lines, space, num_images, path)
    return _without_doubles(counts, space, path)


def _decode_in_chunks(lines: Sequence[str], space: SearchSpace) -> Counts:
    """Read lines as arrays, so many at a time; see `_decode_together`."""
    chunks = []
    for start in range(0, max(1, len(lines)), _NUM_READ_TOGETHER):
        chunks.append(_decode_together(lines[start : start + _NUM_READ_TOGETHER], space))
    return Counts(
        genes=np.concatenate([chunk.genes for chunk in chunks]),
        num_correct=np.concatenate([chunk.num_correct for chunk in chunks]),
    )


def _decode_together(lines: Sequence[str], space: SearchSpace) -> Counts:
    """Read lines as arrays.

    Raises:
        ValueError: If a line is not as `encode_line` writes it.
    """
    if not lines:
        return Counts(np.zeros((0, space.num_genes), np.int32), np.zeros((0, 2), np.int64))
    entries = json.loads(f"[{','.join(lines)}]")
    if len(entries) != len(lines):
        raise ValueError("A line is not one entry.")
    archs = [entry["arch"] for entry in entries]
    values = [_gene_values(arch, space) for arch in archs]
    num_correct = _whole_numbers([entry["num_correct"] for entry in entries])
    if num_correct.shape != (len(lines), 2):
        raise ValueError("A line has not two counts.")
    return Counts(_indices_of_choices(_numbers(values), space), num_correct)


def _gene_values(arch: Mapping[str, Any], space: SearchSpace) -> list[float]:
    """What an arch, as data, has for each gene."""
    if arch["space"] != space.name:
        raise ValueError("An arch is of another space.")
    values: list[float] = []
    num_empty = 1  # the name of the space is no gene
    for field in space.layout.fields:
        entries = arch[field]
        values += entries if isinstance(entries, list) else [entries]
    for field in Arch.choice_fields():
        if field not in space.layout.fields:
            num_empty += 1
            if arch[field]:
                raise ValueError("An arch has choices that the space does not have.")
    if len(arch) != len(space.layout.fields) + num_empty:
        raise ValueError("An arch has other fields than the space.")
    return values


def _numbers(values: list) -> np.ndarray:
    array = np.array(values)  # raises if the rows are of different lengths
    if array.dtype.kind not in "iuf":
        raise ValueError("Something is not a number.")
    return array


def _whole_numbers(values: list) -> np.ndarray:
    array = np.array(values)
    if array.dtype.kind != "i":
        raise ValueError("Something is not a whole number.")
    return array.astype(np.int64)


def _indices_of_choices(values: np.ndarray, space: SearchSpace) -> np.ndarray:
    """From chosen values, `(n, num_genes)`, to genes."""
    if values.shape[1] != space.num_genes:
        raise ValueError("An arch has too few or too many choices.")
    genes = np.zeros(values.shape, np.int32)
    for gene, choices in enumerate(space.gene_choices):
        column = values[:, gene]
        indices = np.minimum(np.searchsorted(choices, column), len(choices) - 1)
        if not np.array_equal(np.asarray(choices)[indices], column):
            raise ValueError("A value is not among the choices.")
        genes[:, gene] = indices
    return genes


def _decode_one_by_one(
    lines: Sequence[str],
    space: SearchSpace,
    num_images: tuple[int, int],
    path: Path,
) -> Counts:
    rows, num_correct = [], []
    for number, line in enumerate(lines, start=_FIRST_LINE):
        try:
            genes, counts = _decode_line(line, space, num_images)
        except _LINE_ERRORS as error:
            raise InputError(
                f"Expected line {number} of {path} to hold an arch of {space.name} and its counts. "
                f"Received: {describe_fault(error)}. Delete the line to have that subnet measured again."
            ) from error
        rows.append(genes)
        num_correct.append(counts)
    return Counts(np.array(rows, np.int32), np.array(num_correct, np.int64))


def _decode_line(line: str, space: SearchSpace, num_images: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
    """Genes and counts of one line."""
    entry = json.loads(line)
    if not isinstance(entry, dict):
        raise InputError(f"{line.strip()!r}, which is no JSON object")
    genes = space.encode(Arch.from_dict(entry["arch"]))
    counts = entry["num_correct"]
    are_whole = isinstance(counts, list) and all(type(count) is int for count in counts)
    if not are_whole or len(counts) != len(num_images):
        raise InputError(f"num_correct={counts!r}, which are not two whole numbers")
    if any(not 0 <= count <= most for count, most in zip(counts, num_images, strict=True)):
        raise InputError(f"num_correct={counts}, of {list(num_images)} images")
    return genes, (counts[0], counts[1])


def _without_doubles(counts: Counts, space: SearchSpace, path: Path) -> Counts:
    """Leave out further lines of a network, which must have the same counts as its first line.

    Two programs that measured the same network at the same time may have written it twice.
    """
    canonical = space.canonical_genes(counts.genes)
    _, first_rows, which = np.unique(canonical, axis=0, return_index=True, return_inverse=True)
    if len(first_rows) == len(canonical):
        return counts
    first_of_same = first_rows[which.reshape(-1)]
    differs = np.any(counts.num_correct != counts.num_correct[first_of_same], axis=1)
    if differs.any():
        row = int(np.argmax(differs))
        raise InputError(
            f"Expected each arch to have the same counts everywhere in {path}. Received: different ones of the same "
            f"arch in lines {first_of_same[row] + _FIRST_LINE} and {row + _FIRST_LINE}. Delete one of them."
        )
    kept = np.sort(first_rows)
    return Counts(counts.genes[kept], counts.num_correct[kept])
