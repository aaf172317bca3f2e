"""A table as Markdown."""

from collections.abc import Sequence
from typing import Any


def markdown_table(heading: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table with a line for the heading and one for each row."""
    lines = [_line(heading), _line(["---"] * len(heading))]
    for row in rows:
        lines.append(_line(row))
    return "\n".join(lines)


def _line(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"
