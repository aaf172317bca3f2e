"""What a search tells of what it found, in paragraphs: the arch, its costs, its accuracy."""

from ofa_tf.base.numbers_in_words import (
    accuracy_in_words,
    limit_in_words,
    points_in_words,
    share_in_words,
    short_number,
)
from ofa_tf.report.far_off import far_off_in_words
from ofa_tf.report.predictor_summary import precision_of_accuracies
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.constrained_search import SearchResult
from ofa_tf.search.finalists import Final
from ofa_tf.tflite.quantization.model_form import form_name


def describe_search(found: SearchResult, costs: SubnetCosts) -> str:
    """The arch, its costs and its accuracies, in lines.

    Args:
        found: What was found.
        costs: What it costs.
    """
    paragraphs = [
        [_describe_arch(found)],
        _describe_costs(found, costs),
        _describe_accuracies(found),
    ]
    return "\n\n".join("\n".join(lines) for lines in paragraphs)


def _describe_arch(found: SearchResult) -> str:
    """The arch, and where it comes from."""
    depths = ", ".join(str(depth) for depth in found.arch.depths)
    origin = "proposed by the search"
    if found.final is not None and not found.final.winner.is_found:
        origin = "known before this search"
    return f"found: {found.arch.image_size} px, depths {depths} ({origin})"


def _describe_costs(found: SearchResult, costs: SubnetCosts) -> list[str]:
    lines = [f"costs of the {form_name(found.precision, found.target)} model"]
    lines.append(f"  {costs.num_macs:,} MACs, file of {costs.size_bytes:,} bytes")
    lines += _describe_latency(found, costs)
    for name, value in found.costs.items():
        if name != "latency_ms":
            limit = limit_in_words(found.limits[name])
            lines.append(f"  {name}: {short_number(value)} (limit {limit})")
    return lines


def _describe_latency(found: SearchResult, costs: SubnetCosts) -> list[str]:
    """Predicted and measured latency, as far as they are known, and whether the limit is kept."""
    lines = []
    limit_ms = found.limits.get("latency_ms")
    if costs.latency_ms is not None:
        words = f"  latency on {costs.device}: predicted {costs.latency_ms:.3f} ms"
        if found.latency_margin:
            with_margin_ms = costs.latency_ms * (1 + found.latency_margin)
            words += f" ({with_margin_ms:.3f} with the margin of {share_in_words(found.latency_margin)})"
        if limit_ms is not None:
            words += f", limit {limit_in_words(limit_ms)} ms"
        lines.append(words)
        if costs.predicted_doubt:
            lines.append(f"    DOUBTFUL: {costs.predicted_doubt}")
    measurement = costs.measurement
    if measurement is None:
        return lines
    if measurement.latency_ms is None:
        lines.append(f"  latency on {costs.device}: not measured, {measurement.error}")
        return lines
    words = f"  latency on {costs.device}: measured {measurement.latency_ms:.3f} ms"
    if measurement.latency_low_ms is not None and measurement.latency_high_ms is not None:
        words += f" (confidence interval {measurement.latency_low_ms:.3f} to {measurement.latency_high_ms:.3f})"
    excess = costs.excess_over(limit_ms)
    if excess:
        words += f", {share_in_words(excess)} ABOVE THE LIMIT"
    lines.append(words)
    if measurement.doubt:
        lines.append(f"    doubtful: {measurement.doubt}")
    lines += _doubt_table(costs.latency_ms, measurement.latency_ms)
    return lines


def _doubt_table(predicted_ms: float | None, measured_ms: float) -> list[str]:
    far_off = far_off_in_words(predicted_ms, measured_ms)
    if far_off is None:
        return []
    return [
        f"    {far_off} the prediction: other programs may have run beside the measurement of the latency table, or "
        "beside this one. Then build the table again, and search again."
    ]


def _describe_accuracies(found: SearchResult) -> list[str]:
    """What is known of the accuracy, with that first which may be told to others."""
    precision = precision_of_accuracies(found.predictor, found.precision)
    lines = [f"top-1 accuracy of the {precision} model, +- one standard error in points"]
    if found.final is None and found.reported is None:
        lines.append("  reported:  nothing was measured: there is only a prediction, and none to quote yet")
    elif found.reported is None:
        lines.append("  reported:  not measured, so there is none to quote yet")
    else:
        top1 = accuracy_in_words(found.reported.top1, found.reported.standard_error)
        num_images = sum(found.reported.num_images)
        lines.append(f"  reported:  {top1} on {num_images} images that nothing was chosen by: quote this one")
    if found.final is not None:
        lines += _describe_winner(found.final)
    top1 = accuracy_in_words(found.predicted_top1, found.predicted_std)
    lines.append(f"  predicted: {top1} from other subnets, for the images that these were measured on")
    if found.final is not None:
        lines += _describe_choice(found.final, next(iter(found.costs)))
    return lines


def _describe_winner(final: Final) -> list[str]:
    """What was measured of the winner, and what it was chosen by."""
    winner = final.winner
    measured = winner.measured
    top1 = accuracy_in_words(measured.top1, measured.standard_error)
    estimated = accuracy_in_words(winner.estimated_top1, winner.estimated_std)
    return [
        f"  measured:  {top1} on {sum(measured.num_images)} images that finalists are chosen by",
        f"  estimated: {estimated} from the measurement and the prediction; the finalists are compared by this",
    ]


def _describe_choice(final: Final, first_cost: str) -> list[str]:
    """How sure the winner is to be the best.

    Args:
        final: The final.
        first_cost: Name of the cost that decides between equals.
    """
    lines = [
        f"  differences of measured accuracies below {points_in_words(final.noise_of_difference)} points are noise"
    ]
    if final.is_cheaper_than_best:
        winner = final.winner
        best = final.finalists[0]
        lead = points_in_words(best.estimated_top1 - winner.estimated_top1)
        costs = f"{first_cost} {short_number(best.cost)} instead of {short_number(winner.cost)}"
        lines.append(
            f"  an arch that costs more ({costs}) is estimated {lead} points better,\n"
            "  within noise: the cheaper one is taken"
        )
    return lines
