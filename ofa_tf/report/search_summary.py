"""What a search tells of what it found."""

from ofa_tf.search.constrained_search import SearchResult
from ofa_tf.search.finalists import Final
from ofa_tf.search.front_search import Front
from ofa_tf.search.predictors.cross_validation import PredictorQuality


def describe_search(found: SearchResult) -> str:
    """The arch, its accuracies and its costs, in lines."""
    arch = found.arch
    lines = [
        f"found: {arch.image_size} px, depths {list(arch.depths)}",
        f"predicted top-1: {found.predicted_top1:.2%} +- {found.predicted_std:.2%} (one standard deviation)",
    ]
    if found.final is not None:
        lines += _describe_final(found.final)
    if found.reported is not None:
        lines.append(
            f"reported top-1: {found.reported.top1:.2%} +- {found.reported.standard_error:.2%} (one standard error), "
            f"on {sum(found.reported.num_images)} validation images that nothing was chosen by"
        )
    for name, value in found.costs.items():
        lines.append(f"{name}: {value:g} (limit {found.limits[name]:g})")
    return "\n".join(lines)


def _describe_final(final: Final) -> list[str]:
    winner = final.winner
    origin = "found by the search" if winner.is_found else "known from the accuracy table"
    lines = [
        f"measured top-1: {winner.measured.top1:.2%} on the images that finalists are chosen by; prediction and "
        f"measurement together: {winner.estimated_top1:.2%} +- {winner.estimated_std:.2%} ({origin})",
        f"differences of measured accuracies below {100 * final.noise_of_difference:.2g} points are noise",
    ]
    if final.is_cheaper_than_best:
        best = final.finalists[0]
        lines.append(
            f"an arch that costs {best.cost:.4g} instead of {winner.cost:.4g} is estimated "
            f"{100 * (best.estimated_top1 - winner.estimated_top1):.2f} points better, within noise: the cheaper one "
            "is taken"
        )
    return lines


def describe_front(front: Front) -> str:
    """The archs of a front, one a line, and how good the predictor is."""
    lines = [describe_quality(front.predictor.name, front.predictor.quality)]
    lines.append(f"front of {len(front.points)} subnets, {front.num_measured} of them measured for it:")
    for point in front.best:
        costs = ", ".join(f"{name} {value:.4g}" for name, value in point.costs.items())
        reported = ""
        if point.reported is not None:
            reported = f", reported {point.reported.top1:.2%} +- {point.reported.standard_error:.2%}"
        lines.append(
            f"  {point.arch.image_size} px, depths {list(point.arch.depths)}, {costs}: predicted "
            f"{point.predicted_top1:.2%}, measured {point.measured.top1:.2%}, estimated {point.estimated_top1:.2%} +- "
            f"{point.estimated_std:.2%}{reported}"
        )
    return "\n".join(lines)


def describe_quality(name: str, quality: PredictorQuality) -> str:
    """How good an accuracy predictor is, in a line."""
    tau = "undefined"
    if quality.kendall_tau is not None:
        tau = f"{quality.kendall_tau:.3f}"
    return (
        f"accuracy predictor ({name}), cross-validated on {quality.num_archs} subnets: RMSE {quality.rmse:.2%} (always "
        f"predicting the mean: {quality.spread:.2%}; noise of the measurements: {quality.noise_std:.2%}), "
        f"Kendall's tau {tau}, {quality.coverage:.0%} within the 90% error bars"
    )


def describe_learning_curve(curve: dict[int, float]) -> str:
    """What more measured subnets bring, in a line.

    Args:
        curve: Number of subnets -> RMSE, see `learning_curve`.
    """
    points = [f"{rmse:.2%} with {num_archs}" for num_archs, rmse in sorted(curve.items())]
    return f"RMSE by number of measured subnets: {', '.join(points)}"
