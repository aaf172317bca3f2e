"""How good an accuracy predictor is, in words."""

from collections.abc import Mapping

from ofa_tf.search.predictors.cross_validation import PredictorQuality


def describe_predictor(name: str, quality: PredictorQuality, curve: Mapping[int, float]) -> str:
    """The quality of an accuracy predictor, and what more measured subnets would bring, in three short lines.

    Args:
        name: Of the predictor.
        quality: What cross-validation says.
        curve: Number of subnets -> RMSE, see `FittedPredictor.learning_curve`.
    """
    tau = "undefined"
    if quality.kendall_tau is not None:
        tau = f"{quality.kendall_tau:.3f}"
    points = [f"{rmse:.2%} with {num_archs}" for num_archs, rmse in sorted(curve.items())]
    subnets = f"{quality.num_archs} subnets"
    if quality.num_computed:
        num_measured = quality.num_archs - quality.num_computed
        subnets += f" ({num_measured} measured, {quality.num_computed} computed from float accuracies)"
    return (
        f"accuracy predictor ({name}), cross-validated on {subnets}: RMSE {quality.rmse:.2%}\n"
        f"  (always predicting the mean: {quality.spread:.2%}; noise of the measurements: {quality.noise_std:.2%}), "
        f"Kendall's tau {tau},\n"
        f"  {quality.coverage:.0%} within the 90% error bars; RMSE by number of subnets: {', '.join(points)}"
    )
