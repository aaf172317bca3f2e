"""What a search tells of what it found."""

from ofa_tf.report.numbers_in_words import short_number
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.constrained_search import SearchResult
from ofa_tf.search.finalists import Final


def describe_search(found: SearchResult, costs: SubnetCosts) -> str:
    """The arch, its accuracies and its costs, in lines.

    Args:
        found: What was found.
        costs: What it costs.
    """
    arch = found.arch
    depths = ", ".join(str(depth) for depth in arch.depths)
    lines = [
        f"found: {arch.image_size} px, depths {depths}; {costs.num_macs:,} MACs, file of {costs.size_bytes:,} bytes",
        *_describe_latency(found, costs),
    ]
    for name, value in found.costs.items():
        if name != "latency_ms":
            lines.append(f"{name}: {short_number(value)} (limit {short_number(found.limits[name])})")
    lines.append(
        f"predicted top-1: {found.predicted_top1:.2%} +- {found.predicted_std:.2%} "
        "(one standard deviation, for the images that it was learned from)"
    )
    if found.final is not None:
        lines += _describe_final(found.final, next(iter(found.costs)))
    if found.reported is not None:
        lines.append(
            f"reported top-1: {found.reported.top1:.2%} +- {found.reported.standard_error:.2%} (one standard error) "
            f"on {sum(found.reported.num_images)} images that nothing was chosen by"
        )
    return "\n".join(lines)


def _describe_latency(found: SearchResult, costs: SubnetCosts) -> list[str]:
    """Predicted and measured latency, as far as they are known, and whether the limit is kept."""
    lines = []
    limit_ms = found.limits.get("latency_ms")
    if costs.latency_ms is not None:
        words = f"latency on {costs.device}: predicted {costs.latency_ms:.3f} ms"
        if found.latency_margin:
            with_margin_ms = costs.latency_ms * (1 + found.latency_margin)
            words += f" ({with_margin_ms:.3f} with the margin of {found.latency_margin:.1%})"
        if limit_ms is not None:
            words += f", limit {limit_ms:g} ms"
        lines.append(words)
    measurement = costs.measurement
    if measurement is None:
        return lines
    if measurement.latency_ms is None:
        lines.append(f"latency on {costs.device}: not measured, {measurement.error}")
        return lines
    words = f"latency on {costs.device}: measured {measurement.latency_ms:.3f} ms"
    if measurement.latency_low_ms is not None and measurement.latency_high_ms is not None:
        words += f" (confidence interval {measurement.latency_low_ms:.3f} to {measurement.latency_high_ms:.3f})"
    if limit_ms is not None and measurement.latency_ms > limit_ms:
        words += f", {measurement.latency_ms / limit_ms - 1:.1%} ABOVE THE LIMIT"
    lines.append(words)
    if measurement.doubt:
        lines.append(f"  doubtful: {measurement.doubt}")
    return lines


def _describe_final(final: Final, first_cost: str) -> list[str]:
    """What was measured of the winner, and how sure it is to be the best.

    Args:
        final: The final.
        first_cost: Name of the cost that decides between equals.
    """
    winner = final.winner
    measured = winner.measured
    origin = "found by the search" if winner.is_found else "known from the accuracy table"
    lines = [
        f"measured top-1: {measured.top1:.2%} +- {measured.standard_error:.2%} (one standard error) "
        f"on {sum(measured.num_images)} images that finalists are chosen by",
        f"  with the prediction: {winner.estimated_top1:.2%} +- {winner.estimated_std:.2%} ({origin})",
        f"  differences of measured accuracies below {100 * final.noise_of_difference:.2g} points are noise",
    ]
    if final.is_cheaper_than_best:
        best = final.finalists[0]
        lead = 100 * (best.estimated_top1 - winner.estimated_top1)
        lines.append(
            f"  an arch that costs more ({first_cost} {best.cost:.6g} instead of {winner.cost:.6g}) is estimated "
            f"{lead:.2f} points better,\n  within noise: the cheaper one is taken"
        )
    return lines
