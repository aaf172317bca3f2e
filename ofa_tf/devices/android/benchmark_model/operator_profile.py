"""The operator profile that `benchmark_model` prints."""

import dataclasses
from collections.abc import Iterator, Sequence

from ofa_tf.devices.android.benchmark_model.output_lines import not_understood, parse_number

_TITLE_OF_REGULAR_RUNS = "Profiling Info for Regular Benchmark Runs:"

# Headings of columns.
_KIND = "node type"
_MEAN = "avg ms"
_NAME = "name"


@dataclasses.dataclass(frozen=True)
class Operator:
    """A row of the operator profile.

    Args:
        kind: Type of the operator.
        name: Its name.
        mean_ms: Mean time a run, milliseconds.
        is_in_delegate: Whether it is part of a delegate's row, in whose time its
            own is contained.
    """

    kind: str
    name: str
    mean_ms: float
    is_in_delegate: bool


def parse_operators(lines: Sequence[str]) -> tuple[Operator, ...]:
    """The rows of the first table of the regular runs; none if there is no profile.

    Raises:
        InputError: If the table is of another form; the line is quoted.
    """
    table = _table_of_regular_runs(lines)
    heading = next(table, None)
    if heading is None:
        return ()
    columns = [cell.strip("[]").lower() for cell in _cells(heading)]
    if not {_KIND, _MEAN, _NAME} <= set(columns):
        raise not_understood(heading)
    return tuple(_parse_row(line, columns) for line in table)


def _table_of_regular_runs(lines: Sequence[str]) -> Iterator[str]:
    """The lines of the table, with its heading; they begin with tabs."""
    is_in_profile = False
    is_in_table = False
    for line in lines:
        if not is_in_profile:
            is_in_profile = line.rstrip().endswith(_TITLE_OF_REGULAR_RUNS)
        elif line.startswith("\t"):
            is_in_table = True
            yield line
        elif is_in_table:
            return


def _parse_row(line: str, columns: Sequence[str]) -> Operator:
    cells = _cells(line)
    if len(cells) != len(columns):
        raise not_understood(line)
    row = dict(zip(columns, cells, strict=True))
    name = row[_NAME]
    return Operator(
        kind=row[_KIND],
        name=name,
        mean_ms=parse_number(row[_MEAN], line),
        is_in_delegate=name.strip("[]").startswith("Delegate/"),
    )


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line[1:].split("\t")]
