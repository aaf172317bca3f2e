"""The final table of a run: one row a network."""

from collections.abc import Mapping, Sequence
from typing import Any

_COLUMNS = (
    ("name", "network", "{}"),
    ("image_size", "px", "{}"),
    ("budget_ms", "budget_ms", "{:.3f}"),
    ("predicted_latency_ms", "predicted_ms", "{:.3f}"),
    ("latency_ms", "measured_ms", "{:.3f}"),
    ("int8_latency_ms", "int8_ms", "{:.3f}"),
    ("num_macs", "MACs", "{:,}"),
    ("size_bytes", "size_bytes", "{:,}"),
    ("int8_size_bytes", "int8_bytes", "{:,}"),
    ("float_top1", "float top-1", "{:.2%}"),
    ("int8_top1", "int8 top-1", "{:.2%}"),
)


def format_correlation(value: float | None) -> str:
    """A correlation as text; `None` where it is not defined, as for equal values."""
    return "not defined" if value is None else f"{value:.3f}"


def list_missed_budgets(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The networks that were measured above their latency budget, and by how much."""
    return [
        f"{row['name']} (+{row['latency_ms'] / row['budget_ms'] - 1:.1%})"
        for row in rows
        if row.get("budget_ms") is not None and round(row["latency_ms"], 3) > round(row["budget_ms"], 3)
    ]


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of a summary as aligned text; values that are `None` show as a dash."""
    lines = [[title for _, title, _ in _COLUMNS]]
    for row in rows:
        lines.append(["-" if row.get(key) is None else form.format(row[key]) for key, _, form in _COLUMNS])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) if not index else cell.rjust(width) for index, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    )
