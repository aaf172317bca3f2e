"""A front as text: a line for each subnet, with what it costs and what is known of its accuracy."""

from collections.abc import Mapping, Sequence
from typing import Any

from ofa_tf.report.columns import Column, format_columns
from ofa_tf.report.numbers_in_words import short_number
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.front_search import Front, FrontPoint

_COLUMNS = (
    Column("number", "N", "{}"),
    Column("image_size", "px", "{}"),
    Column("depths", "depths", "{}", alignment="<"),
    Column("million_macs", "M MACs", "{:,.2f}"),
    Column("kilobytes", "kB", "{:,.0f}"),
    Column("latency_ms", "pred. ms", "{:.3f}"),
    Column("measured_ms", "ms", "{}"),
    Column("predicted", "pred.", "{:.2%}"),
    Column("measured", "meas.", "{:.2%}"),
    Column("measured_error", "+/-", "{:.2%}"),
    Column("estimated", "est.", "{:.2%}"),
    Column("reported", "report", "{:.2%}"),
    Column("reported_error", "+/-", "{:.2%}"),
)

# Costs that have a column anyway.
_SHOWN_COSTS = ("latency_ms", "macs", "size_bytes")

_ABOVE_LIMIT = "!"


def describe_front(
    front: Front,
    costs: Sequence[SubnetCosts],
    limits: Mapping[str, float] | None = None,
    latency_margin: float = 0.0,
) -> str:
    """The archs of a front, one a line.

    Args:
        front: The front.
        costs: Of each arch of `front.best`, in order.
        limits: Name -> limit, of the costs that are limited.
        latency_margin: See `SearchResult`.
    """
    limits = limits or {}
    lines = [f"front of {len(front.points)} subnets, {front.num_measured} of them measured for it"]
    if limits:
        lines.append(_describe_limits(limits, latency_margin))
    columns = [*_COLUMNS]
    for name in front.best[0].costs:
        if name not in _SHOWN_COSTS:
            columns.append(Column(name, name, "{}"))
    rows = []
    for number, (point, cost) in enumerate(zip(front.best, costs, strict=True)):
        others = {name: short_number(value) for name, value in point.costs.items()}
        measured_ms = _describe_measured(cost.measured_ms, limits.get("latency_ms"))
        rows.append({"number": number, **others, **_row(point, cost), "measured_ms": measured_ms})
    lines.append(format_columns(columns, rows))
    lines.append(_describe_accuracies(front))
    if any(row["measured_ms"] is not None and row["measured_ms"].endswith(_ABOVE_LIMIT) for row in rows):
        lines.append(f"{_ABOVE_LIMIT}: measured ABOVE THE LIMIT of the latency")
    return "\n".join(lines)


def _describe_limits(limits: Mapping[str, float], latency_margin: float) -> str:
    """What all archs of the front keep within."""
    described = []
    for name, limit in limits.items():
        words = f"{name} {short_number(limit)}"
        if name == "latency_ms" and latency_margin:
            words += f" (with a margin of {latency_margin:.1%})"
        described.append(words)
    return f"limits: {', '.join(described)}"


def _describe_measured(measured_ms: float | None, limit_ms: float | None) -> str | None:
    """A measured latency, with a mark where it is above its limit."""
    if measured_ms is None:
        return None
    if limit_ms is not None and measured_ms > limit_ms:
        return f"{measured_ms:.3f}{_ABOVE_LIMIT}"
    return f"{measured_ms:.3f}"


def _row(point: FrontPoint, costs: SubnetCosts) -> dict[str, Any]:
    row: dict[str, Any] = {
        "image_size": point.arch.image_size,
        "depths": " ".join(str(depth) for depth in point.arch.depths),
        "million_macs": costs.num_macs / 1e6,
        "kilobytes": costs.size_bytes / 1e3,
        "latency_ms": costs.latency_ms,
        "predicted": point.predicted_top1,
        "measured": point.measured.top1,
        "measured_error": point.measured.standard_error,
        "estimated": point.estimated_top1,
    }
    if point.reported is not None:
        row["reported"] = point.reported.top1
        row["reported_error"] = point.reported.standard_error
    return row


def _describe_accuracies(front: Front) -> str:
    """What the columns of accuracies are of."""
    first = front.best[0]
    lines = [
        f"pred.: top-1 predicted from other subnets; meas.: measured on {sum(first.measured.num_images)} images; "
        "est.: both together, by which",
        "the front is chosen (that of a measurement whose noise the prediction shares is the prediction); +/-: one "
        "standard error",
    ]
    if first.reported is not None:
        lines[-1] += f"; report: measured on {sum(first.reported.num_images)} images that nothing was chosen by"
    return "\n".join(lines)
