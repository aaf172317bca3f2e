"""A table as Markdown."""

from collections.abc import Sequence
from typing import Any


def markdown_table(heading: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table with a line for the heading and one for each row; bars within cells are escaped."""
    lines = [_line(heading), _line(["---"] * len(heading))]
    for row in rows:
        lines.append(_line(row))
    return "\n".join(lines)


def _line(cells: Sequence[Any]) -> str:
    escaped = [str(cell).replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"
