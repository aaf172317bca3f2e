"""How good a predictor is, judged on archs that it was not fitted to, and what more archs would bring."""

import dataclasses
from typing import Any

import numpy as np

from ofa_tf.base.correlation import kendall_tau
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.accuracy_predictor import MIN_ARCHS_FOR_PREDICTOR, AccuracyPredictor
from ofa_tf.search.predictors.prediction import NUM_STDS_OF_90_PERCENT, Prediction

_NUM_FOLDS = 10

# The width of error bars is corrected as if so many further archs had shown it to be right: with few archs, errors are
# large or small by chance.
_NUM_ARCHS_OF_PRIOR = 50

# Parts of a table that a learning curve is made from, beside the whole.
_SHARES_OF_LEARNING_CURVE = (0.25, 0.5)


@dataclasses.dataclass(frozen=True)
class PredictorQuality:
    """How well predictions agree with measurements that the predictor has not seen.

    Args:
        num_archs: Number of measured archs.
        rmse: Root of the mean squared difference between predicted and measured top-1 accuracies. The noise of
            the measurements is in it: it cannot get below that.
        noise_std: That noise, standard deviation.
        spread: Standard deviation of the measured accuracies: the RMSE of who always predicts their mean.
        kendall_tau: Share of pairs of archs in the right order less that in the wrong one; `None` where it is not
            defined.
        coverage: Share of the measured accuracies within the 90% error bars, noise included.
    """

    num_archs: int
    rmse: float
    noise_std: float
    spread: float
    kendall_tau: float | None
    coverage: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON-serialisable data."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class CrossValidation:
    """Predictions of each arch of a table by a predictor that was fitted without it.

    Args:
        unseen: The predictions, with error bars of the right width.
        std_factor: What the predictor's own error bars are multiplied by for that.
        quality: What came out.
    """

    unseen: Prediction
    std_factor: float
    quality: PredictorQuality


def cross_validate(predictor: AccuracyPredictor, table: AccuracyTable) -> CrossValidation:
    """Predict each tenth of a table from the rest of it.

    Args:
        predictor: Fitted to the table.
        table: Measured accuracies.
    """
    from sklearn.model_selection import KFold

    num_archs = len(table.top1)
    mean = np.zeros(num_archs)
    std = np.zeros(num_archs)
    folds = KFold(min(_NUM_FOLDS, num_archs), shuffle=True, random_state=0)
    for seen, unseen in folds.split(table.genes):
        prediction = predictor.refit(table.rows(seen)).predict(table.genes[unseen])
        mean[unseen] = prediction.mean
        std[unseen] = prediction.std

    errors = mean - table.top1
    std_factor = _fit_std_factor(errors, std, table.noise_std)
    prediction = Prediction(mean, std).scaled(std_factor)
    bar = NUM_STDS_OF_90_PERCENT * np.hypot(prediction.std, table.noise_std)
    quality = PredictorQuality(
        num_archs=num_archs,
        rmse=float(np.sqrt(np.mean(errors**2))),
        noise_std=table.noise_std,
        spread=float(table.top1.std()),
        kendall_tau=kendall_tau(mean, table.top1),
        coverage=float(np.mean(np.abs(errors) <= bar)),
    )
    return CrossValidation(prediction, std_factor, quality)


def learning_curve(
    kind: type[AccuracyPredictor], table: AccuracyTable, quality: PredictorQuality | None = None
) -> dict[int, float]:
    """The error of a predictor by the number of archs that it is fitted to.

    Args:
        kind: Class of the predictor.
        table: Measured accuracies; of its archs a quarter, half and all are taken.
        quality: What cross-validation said with all of them, so that it need not be asked again.

    Returns:
        Number of archs -> cross-validated RMSE; parts too small to fit anything to are left out.
    """
    num_archs = len(table)
    order = np.random.default_rng(0).permutation(num_archs)
    curve = {}
    for share in _SHARES_OF_LEARNING_CURVE:
        count = round(share * num_archs)
        if count >= MIN_ARCHS_FOR_PREDICTOR:
            part = table.rows(np.sort(order[:count]))
            curve[count] = cross_validate(kind.fit(part), part).quality.rmse

    if quality is None:
        quality = cross_validate(kind.fit(table), table).quality
    curve[num_archs] = quality.rmse
    return curve


def _fit_std_factor(errors: np.ndarray, std: np.ndarray, noise_std: float) -> float:
    """What to multiply error bars by, so that they and the noise explain the errors, in the mean of squares."""
    explained = np.mean(std**2)
    if explained == 0:
        return 1.0
    to_explain = max(np.mean(errors**2) - noise_std**2, 0)
    num_archs = len(errors)
    found = num_archs * to_explain / explained
    return float(np.sqrt((found + _NUM_ARCHS_OF_PRIOR) / (num_archs + _NUM_ARCHS_OF_PRIOR)))
