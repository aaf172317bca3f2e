"""A front as text: a line for each subnet, with what it costs and what is known of its accuracy."""

from collections.abc import Mapping, Sequence
from typing import Any

from ofa_tf.base.counts import count_in_words
from ofa_tf.base.numbers_in_words import limits_in_words, points_in_words, short_number
from ofa_tf.report.columns import Column, format_columns
from ofa_tf.report.front_words import front_in_words, stop_reason_in_words
from ofa_tf.report.predictor_summary import precision_of_accuracies
from ofa_tf.report.subnet_costs import SubnetCosts, explain_marks
from ofa_tf.search.front.measured_front import Front, FrontPoint, StopReason
from ofa_tf.search.predictors.cross_validation import PredictorQuality
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor
from ofa_tf.tflite.lowering.targets import CPU
from ofa_tf.tflite.quantization.model_form import form_name

_COLUMNS = (
    Column("number", "N", "{}"),
    Column("image_size", "px", "{}"),
    Column("depths", "depths", "{}", alignment="<"),
    Column("million_macs", "M MACs", "{:,.2f}"),
    Column("kilobytes", "kB", "{:,.0f}"),
    Column("latency_ms", "pred. ms", "{:.3f}"),
    Column("measured_ms", "meas. ms", "{}"),
    Column("predicted", "pred.", "{:.2%}"),
    Column("measured", "meas.", "{:.2%}"),
    Column("measured_error", "+/-", "{}"),
    Column("estimated", "est.", "{:.2%}"),
    Column("reported", "report", "{:.2%}"),
    Column("reported_error", "+/-", "{}"),
)

# Costs that have a column anyway.
_SHOWN_COSTS = ("latency_ms", "macs", "size_bytes")


def describe_front(
    front: Front,
    costs: Sequence[SubnetCosts],
    limits: Mapping[str, float] | None = None,
    precision: str = "float32",
    target: str = CPU.name,
) -> str:
    """The archs of a front, one a line, below what the front is of and how it was found.

    Args:
        front: The front.
        costs: Of each arch of `front.best`, in order.
        limits: Name -> limit, of the costs that are limited.
        precision: Of the models that the costs are of.
        target: Their target.
    """
    limits = limits or {}
    paragraphs = [
        _describe_search(front, costs, limits, _describe_objectives(front, precision, target)),
        describe_points(front.best, costs, limits),
        describe_columns(front.best[0], front.noise_of_difference, "the front is"),
    ]
    return "\n\n".join("\n".join(lines) for lines in paragraphs)


def _describe_search(
    front: Front, costs: Sequence[SubnetCosts], limits: Mapping[str, float], objectives: str
) -> list[str]:
    """What the front is of, and how the search for it went."""
    lines = [
        # What an earlier search measured is not measured again.
        f"front: {front_in_words(front, limits)} ({front.num_measured} measured for this search or earlier ones)",
        f"  {objectives}{describe_device(costs)}",
    ]
    if limits:
        lines.append(f"  limits: {limits_in_words(limits, front.margins)}")
    lines.append(_describe_end(front))
    if front.num_measured:
        lines.append(f"  {_describe_learning(front)}")
    return lines


def _describe_objectives(front: Front, precision: str, target: str) -> str:
    """What accuracy is weighed against, and of which models these are."""
    return describe_objectives(front.best[0], front.predictor, precision, target)


def describe_objectives(point: FrontPoint, predictor: FittedPredictor, precision: str, target: str) -> str:
    """What accuracy is weighed against in a search that found a point, and of which models these are.

    Args:
        point: The point.
        predictor: Of the search.
        precision: Of the models that the costs are of.
        target: Their target.
    """
    costs = " and ".join(point.costs)
    form = form_name(precision, target)
    precision_of_top1 = precision_of_accuracies(predictor, precision)
    if precision_of_top1 == precision:
        return f"top-1 against {costs}, of {form} models"
    return f"top-1 of {precision_of_top1} models against {costs} of {form} models"


def describe_device(costs: Sequence[SubnetCosts]) -> str:
    """Which device the latencies are of, behind a semicolon; nothing if there are none."""
    for cost in costs:
        if cost.latency_ms is not None or cost.measured_ms is not None:
            return f"; latencies on {cost.device}"
    return ""


def _describe_end(front: Front) -> str:
    """How many subnets the search measured of those that it was allowed to, and why no more."""
    allowed = count_in_words(front.max_measured, "measurement")
    reason = stop_reason_in_words(front.stop_reason)
    if front.stop_reason is StopReason.ALL_MEASURED:
        return f"  stopped after {allowed}, {reason}"
    return f"  stopped after {front.num_measured} of {allowed}: {reason}"


def _describe_learning(front: Front) -> str:
    """What the measurements made of the accuracy predictor."""
    before, after = front.quality_before, front.predictor.quality
    return (
        f"RMSE of the accuracy predictor: {points_in_words(after.rmse)} points on {_count_archs(after)}; "
        f"before, {points_in_words(before.rmse)} on {_count_archs(before)}"
    )


def _count_archs(quality: PredictorQuality) -> str:
    """How many archs a predictor was cross-validated on."""
    words = f"{quality.num_archs} subnets"
    if quality.num_computed:
        words += f" ({quality.num_computed} computed)"
    return words


def describe_points(
    points: Sequence[FrontPoint], costs: Sequence[SubnetCosts], limits: Mapping[str, float]
) -> list[str]:
    """The table of measured archs, a line each, and what its marks mean.

    Args:
        points: The archs, in ascending order of their first cost.
        costs: Of each, in order.
        limits: Name -> limit, of the costs that are limited.
    """
    columns = [*_COLUMNS]
    for name in points[0].costs:
        if name not in _SHOWN_COSTS:
            columns.append(Column(name, name, "{}"))
    limit_ms = limits.get("latency_ms")
    rows = []
    excesses = []
    for number, (point, cost) in enumerate(zip(points, costs, strict=True)):
        others = {name: short_number(value) for name, value in point.costs.items()}
        rows.append({"number": number, **others, **_row(point, cost), "measured_ms": cost.mark_measured(limit_ms)})
        excesses.append(cost.excess_over(limit_ms))
    return [format_columns(columns, rows), *explain_marks(excesses), *_list_doubts(costs)]


def _list_doubts(costs: Sequence[SubnetCosts]) -> list[str]:
    """A line where measured latencies are not to be trusted."""
    lines = []
    for kind, doubts in (
        ("predicted", [cost.predicted_doubt for cost in costs]),
        ("measured", [cost.measured_doubt for cost in costs]),
    ):
        different = dict.fromkeys(doubt for doubt in doubts if doubt is not None)
        if different:
            lines.append(f"{kind} latencies are DOUBTFUL: {'; '.join(different)}")
    return lines


def _row(point: FrontPoint, costs: SubnetCosts) -> dict[str, Any]:
    row: dict[str, Any] = {
        "image_size": point.arch.image_size,
        "depths": " ".join(str(depth) for depth in point.arch.depths),
        "million_macs": costs.num_macs / 1e6,
        "kilobytes": costs.size_bytes / 1e3,
        "latency_ms": costs.latency_ms,
        "predicted": point.predicted_top1,
        "measured": point.measured.top1,
        "measured_error": points_in_words(point.measured.standard_error),
        "estimated": point.estimated_top1,
    }
    if point.reported is not None:
        row["reported"] = point.reported.top1
        row["reported_error"] = points_in_words(point.reported.standard_error)
    return row


def describe_columns(first: FrontPoint, noise_of_difference: float, chosen: str) -> list[str]:
    """What the columns of accuracies are of.

    Args:
        first: An arch of the table.
        noise_of_difference: By how much measured accuracies differ by chance, as a share.
        chosen: What is chosen by them, such as `"the front is"`.
    """
    lines = [
        "pred.:  top-1 predicted from other subnets",
        f"meas.:  measured on {sum(first.measured.num_images)} images; +/-: one standard error in points",
        f"est.:   both together, by which {chosen} chosen (of a measurement whose noise the prediction shares, the",
        "        prediction)",
    ]
    if first.reported is not None:
        num_images = sum(first.reported.num_images)
        lines.append(f"report: measured on {num_images} images that nothing was chosen by: quote these")
    noise = points_in_words(noise_of_difference)
    lines.append(f"differences of measured accuracies (meas.) below {noise} points are noise")
    return lines
