"""The final table of a run: one row a network."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

_MISSING = "-"
_BETWEEN_COLUMNS = "  "


@dataclasses.dataclass(frozen=True)
class _Column:
    """A column of the table.

    Args:
        key: Of its value in a row of the summary.
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


_COLUMNS = (
    _Column("name", "network", "{}", alignment="<"),
    _Column("image_size", "px", "{}"),
    _Column("budget_ms", "budget_ms", "{:.3f}"),
    _Column("predicted_latency_ms", "predicted_ms", "{:.3f}"),
    _Column("latency_ms", "measured_ms", "{:.3f}"),
    _Column("int8_latency_ms", "int8_ms", "{:.3f}"),
    _Column("num_macs", "MACs", "{:,}"),
    _Column("size_bytes", "size_bytes", "{:,}"),
    _Column("int8_size_bytes", "int8_bytes", "{:,}"),
    _Column("float_top1", "float top-1", "{:.2%}"),
    _Column("int8_top1", "int8 top-1", "{:.2%}"),
)


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of a summary as aligned text; values that are `None` show as a dash."""
    columns = [column.cells(rows) for column in _COLUMNS]
    lines = zip(*columns, strict=True)
    return "\n".join(_BETWEEN_COLUMNS.join(cells) for cells in lines)


def list_missed_budgets(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The networks that were measured above their latency budget, and by how much."""
    missed = []
    for row in rows:
        budget_ms = row.get("budget_ms")
        if budget_ms is None:
            continue
        latency_ms = row["latency_ms"]
        # As precise as the table shows them: who sees two equal numbers would not understand the complaint.
        if round(latency_ms, 3) > round(budget_ms, 3):
            excess = latency_ms / budget_ms - 1
            missed.append(f"{row['name']} (+{excess:.1%})")
    return missed


def format_correlation(value: float | None) -> str:
    """A correlation as text; `None` where it is not defined, as for equal values."""
    if value is None:
        return "not defined"
    return f"{value:.3f}"
