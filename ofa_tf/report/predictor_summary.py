"""How good an accuracy predictor is, in words."""

from collections.abc import Mapping

from ofa_tf.base.numbers_in_words import points_in_words
from ofa_tf.search.predictors.cross_validation import PredictorQuality
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor
from ofa_tf.tflite.lowering.targets import CPU
from ofa_tf.tflite.quantization.model_form import form_name

_FLOAT = "float32"

# A predictor whose errors are a larger share of those of always predicting the mean is told to be of little use.
_MAX_USEFUL_SHARE = 0.95


def describe_predictor(name: str, quality: PredictorQuality, curve: Mapping[int, float]) -> str:
    """The quality of an accuracy predictor, and what more measured subnets would bring, in three short lines; a
    fourth one if it is of no use.

    Args:
        name: Of the predictor.
        quality: What cross-validation says.
        curve: Number of subnets -> RMSE, see `FittedPredictor.learning_curve`.
    """
    tau = "undefined"
    if quality.kendall_tau is not None:
        tau = f"{quality.kendall_tau:.3f}"
    errors = [f"{points_in_words(error)} with {num_archs}" for num_archs, error in sorted(curve.items())]
    mean_error = points_in_words(quality.spread)
    noise = points_in_words(quality.noise_std)
    rmse = points_in_words(quality.rmse)
    text = (
        f"accuracy predictor ({name}), cross-validated on {_describe_subnets(quality)}: RMSE {rmse} points\n"
        f"  (always predicting the mean: {mean_error}; noise of the measurements: {noise}), Kendall's tau {tau},\n"
        f"  {quality.coverage:.0%} within the 90% error bars; RMSE by number of subnets: {', '.join(errors)}"
    )
    verdict = judge_predictor(quality.rmse, quality.spread)
    if verdict is not None:
        text += (
            f"\n  {verdict} than the mean, so that chance decides which subnets are found: measure more of them, or "
            "on more images"
        )
    return text


def judge_predictor(rmse: float, spread: float) -> str | None:
    """How a predictor compares with always predicting the mean; `None` if it is clearly better.

    Args:
        rmse: Its error.
        spread: That of who always predicts the mean.
    """
    if rmse > spread:
        return "NO BETTER"
    if rmse > _MAX_USEFUL_SHARE * spread:
        return "HARDLY BETTER"
    return None


def _describe_subnets(quality: PredictorQuality) -> str:
    """On what a predictor was cross-validated."""
    subnets = f"{quality.num_archs} subnets"
    if quality.num_computed:
        num_measured = quality.num_archs - quality.num_computed
        subnets += f" ({num_measured} measured, {quality.num_computed} computed from float accuracies)"
    return subnets


def precision_of_accuracies(predictor: FittedPredictor | None, precision: str) -> str:
    """In which precision the subnets were whose accuracies a search went by.

    Args:
        predictor: Of the search; `None` where that is not told.
        precision: Of the models that it searched for, which their costs are of.
    """
    # Only where some subnets were measured as they are shipped, there is something to correct the others by.
    if predictor is None or predictor.table.correction is None:
        return _FLOAT
    return precision


def models_in_words(predictor: FittedPredictor | None, precision: str, target: str = CPU.name) -> str:
    """Of which models costs and accuracies are told.

    Args:
        predictor: See `precision_of_accuracies`.
        precision: See `precision_of_accuracies`.
        target: Name of the target of the models that were searched for.
    """
    form = form_name(precision, target)
    precision_of_top1 = precision_of_accuracies(predictor, precision)
    if precision_of_top1 == precision:
        return f"{form} models"
    return f"costs of {form} models, top-1 of {precision_of_top1} models"
