"""Rows of facts as aligned text."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

_MISSING = "-"
_BETWEEN_COLUMNS = "  "


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        key: Of its value in a row.
        title: Its heading.
        form: How a value is shown, for `str.format`.
        alignment: `">"` to the right, as for numbers, or `"<"` to the left.
    """

    key: str
    title: str
    form: str
    alignment: str = ">"

    def cells(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """The heading and the values below it, all of one width."""
        texts = [self.title]
        for row in rows:
            texts.append(self._format(row.get(self.key)))
        width = max(len(text) for text in texts)
        return [f"{text:{self.alignment}{width}}" for text in texts]

    def _format(self, value: Any) -> str:
        if value is None:
            return _MISSING
        return self.form.format(value)


def format_columns(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> str:
    """A heading and a line for each row; values that are `None` or missing show as a dash."""
    cells_by_column = [column.cells(rows) for column in columns]
    lines = []
    for cells in zip(*cells_by_column, strict=True):
        lines.append(_BETWEEN_COLUMNS.join(cells).rstrip())
    return "\n".join(lines)
