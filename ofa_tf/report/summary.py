"""The final table of a run: one row a network."""

from collections.abc import Mapping, Sequence
from typing import Any

from ofa_tf.report.columns import Column, format_columns

_COLUMNS = (
    Column("name", "network", "{}", alignment="<"),
    Column("image_size", "px", "{}"),
    Column("budget_ms", "budget_ms", "{:.3f}"),
    Column("predicted_latency_ms", "predicted_ms", "{:.3f}"),
    Column("latency_ms", "measured_ms", "{:.3f}"),
    Column("int8_latency_ms", "int8_ms", "{:.3f}"),
    Column("num_macs", "MACs", "{:,}"),
    Column("size_bytes", "size_bytes", "{:,}"),
    Column("int8_size_bytes", "int8_bytes", "{:,}"),
    Column("float_top1", "float top-1", "{:.2%}"),
    Column("int8_top1", "int8 top-1", "{:.2%}"),
)


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of a summary as aligned text; values that are `None` show as a dash."""
    return format_columns(_COLUMNS, rows)


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
