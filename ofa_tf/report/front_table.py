"""A front as text: a line for each subnet, with what it costs and what is known of its accuracy."""

from collections.abc import Sequence
from typing import Any

from ofa_tf.report.columns import Column, format_columns
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.front_search import Front, FrontPoint

_COLUMNS = (
    Column("number", "N", "{}"),
    Column("image_size", "px", "{}"),
    Column("depths", "depths", "{}", alignment="<"),
    Column("million_macs", "M MACs", "{:,.2f}"),
    Column("kilobytes", "kB", "{:,.0f}"),
    Column("latency_ms", "pred. ms", "{:.3f}"),
    Column("measured_ms", "ms", "{:.3f}"),
    Column("predicted", "pred.", "{:.2%}"),
    Column("measured", "meas.", "{:.2%}"),
    Column("measured_error", "+/-", "{:.2%}"),
    Column("estimated", "est.", "{:.2%}"),
    Column("reported", "report", "{:.2%}"),
    Column("reported_error", "+/-", "{:.2%}"),
)

# Costs that have a column anyway.
_SHOWN_COSTS = ("latency_ms", "macs", "size_bytes")


def describe_front(front: Front, costs: Sequence[SubnetCosts]) -> str:
    """The archs of a front, one a line.

    Args:
        front: The front.
        costs: Of each arch of `front.best`, in order.
    """
    lines = [f"front of {len(front.points)} subnets, {front.num_measured} of them measured for it"]
    columns = [*_COLUMNS]
    for name in front.best[0].costs:
        if name not in _SHOWN_COSTS:
            columns.append(Column(name, name, "{:,.4g}"))
    rows = []
    for number, (point, cost) in enumerate(zip(front.best, costs, strict=True)):
        rows.append({"number": number, **point.costs, **_row(point, cost)})
    lines.append(format_columns(columns, rows))
    lines.append(_describe_accuracies(front))
    return "\n".join(lines)


def _row(point: FrontPoint, costs: SubnetCosts) -> dict[str, Any]:
    row: dict[str, Any] = {
        "image_size": point.arch.image_size,
        "depths": " ".join(str(depth) for depth in point.arch.depths),
        "million_macs": costs.num_macs / 1e6,
        "kilobytes": costs.size_bytes / 1e3,
        "latency_ms": costs.latency_ms,
        "measured_ms": costs.measured_ms,
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
        "the front is chosen; +/-: one standard error",
    ]
    if first.reported is not None:
        lines[-1] += f"; report: measured on {sum(first.reported.num_images)} images that nothing was chosen by"
    return "\n".join(lines)
