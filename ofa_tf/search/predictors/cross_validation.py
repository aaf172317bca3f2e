"""How good a predictor is, judged on archs that it was not fitted to, and what more archs would bring."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ofa_tf.base.correlation import kendall_tau
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.near_clones import differences_from_nearest, least_difference
from ofa_tf.search.predictors.accuracy_predictor import MIN_ARCHS_FOR_PREDICTOR, AccuracyPredictor
from ofa_tf.search.predictors.prediction import NUM_STDS_OF_90_PERCENT, Prediction
from ofa_tf.space.search_space import SearchSpace

_NUM_FOLDS = 10

# Of the archs that others are predicted from, so large a share may be left out as near-clones.
_MAX_SHARE_LEFT_OUT = 0.25

# In larger tables near-clones are not looked for; comparing all archs takes a second for so many.
_MAX_ARCHS_FOR_CLONES = 5000

# The width of error bars is judged as if so many further archs had shown it to be right: with few archs, errors are
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
            the measurements is in it, but for what predictions take over of it. Where the predictor was chosen among
            several by this number, it is the smallest of theirs, and so a little too small.
        noise_std: That noise, standard deviation.
        spread: Standard deviation of the measured accuracies: the RMSE of who always predicts their mean.
        kendall_tau: Share of pairs of archs in the right order less that in the wrong one; `None` where it is not
            defined.
        coverage: Share of the measured accuracies within the 90% error bars, noise included.
        num_computed: Archs whose accuracies were not measured but computed. The error is against these, too, and says
            nothing of what they are off by.
    """

    num_archs: int
    rmse: float
    noise_std: float
    spread: float
    kendall_tau: float | None
    coverage: float
    num_computed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON-serialisable data."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class CrossValidation:
    """Predictions of each arch of a table by a predictor that was fitted without it and its near-clones.

    Args:
        unseen: The predictions, with error bars of the right width.
        std_factor: What the predictor's own error bars are multiplied by for that.
        shared_variance: Covariance of the errors of these predictions and of the measurements: all archs are measured
            on the same images, and a part of the noise is alike for archs that are alike.
        quality: What came out.
    """

    unseen: Prediction
    std_factor: float
    shared_variance: float
    quality: PredictorQuality


@dataclasses.dataclass(frozen=True)
class _Fold:
    """A part of a table that is predicted from other parts.

    Args:
        unseen: Rows that are predicted.
        others: All other rows.
        seen: Those of them that are no near-clones of the unseen ones.
    """

    unseen: np.ndarray
    others: np.ndarray
    seen: np.ndarray


def cross_validate(predictor: AccuracyPredictor, table: AccuracyTable) -> CrossValidation:
    """Predict each tenth of a table from the rest of it; for a predictor with `num_folds`, so many parts of it.

    Near-clones of who is predicted are left out of the rest: they would hand on the noise of its own measurement,
    and the prediction would not be independent of that. Where these are more than a fourth of the rest, as in a small
    search space, those that differ in half as many genes are left out, and so on. In tables of more than 5,000 archs
    nobody is looked for: their archs are random ones but for a few.

    Args:
        predictor: Fitted to the table.
        table: Measured accuracies.
    """
    folds = _split_into_folds(table, _num_folds(predictor))
    prediction = _predict_unseen(predictor, table, folds)
    errors = prediction.mean - table.top1
    shared_variance = _find_shared_variance(predictor, table, folds, prediction)
    variance_in_errors = _least_noise_variance(table) - 2 * shared_variance

    # The error bars that are judged are not scaled by the errors that judge them.
    factors = np.zeros(len(table))
    for fold in folds:
        factors[fold.unseen] = _fit_std_factor(errors[fold.others], prediction.std[fold.others], variance_in_errors)
    unseen = prediction.scaled(factors)

    # Here the noise counts as it was estimated: what is judged are widths that were found by less.
    variance_of_errors = np.maximum(unseen.std**2 + table.noise_std**2 - 2 * shared_variance, 0)
    bar = NUM_STDS_OF_90_PERCENT * np.sqrt(variance_of_errors)
    quality = PredictorQuality(
        num_archs=len(table),
        rmse=_rmse(prediction, table),
        noise_std=table.noise_std,
        spread=float(table.top1.std()),
        kendall_tau=kendall_tau(prediction.mean, table.top1),
        coverage=float(np.mean(np.abs(errors) <= bar)),
        num_computed=int(table.is_computed.sum()),
    )
    return CrossValidation(
        unseen=unseen,
        std_factor=_fit_std_factor(errors, prediction.std, variance_in_errors),
        shared_variance=shared_variance,
        quality=quality,
    )


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
            folds = _split_into_folds(part, _num_folds(kind))
            curve[count] = _rmse(_predict_unseen(kind.fit(part), part, folds), part)

    if quality is None:
        quality = cross_validate(kind.fit(table), table).quality
    curve[num_archs] = quality.rmse
    return curve


def _rmse(prediction: Prediction, table: AccuracyTable) -> float:
    return float(np.sqrt(np.mean((prediction.mean - table.top1) ** 2)))


def _num_folds(predictor: AccuracyPredictor | type[AccuracyPredictor]) -> int:
    """In how many parts a table is cut: fewer for who takes long to fit, although error bars get narrower by that."""
    return int(getattr(predictor, "num_folds", _NUM_FOLDS))


def _split_into_folds(table: AccuracyTable, num_folds: int) -> list[_Fold]:
    from sklearn.model_selection import KFold

    genes = table.space.canonical_genes(table.genes)
    splitter = KFold(min(num_folds, len(table)), shuffle=True, random_state=0)
    folds = []
    for others, unseen in splitter.split(genes):
        seen = others
        if len(table) <= _MAX_ARCHS_FOR_CLONES:
            is_clone = _find_clones(table.space, genes[others], genes[unseen])
            seen = others[~is_clone]
        folds.append(_Fold(unseen, others, seen))
    return folds


def _find_clones(space: SearchSpace, genes: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """Which archs are left out as near-clones of unseen ones, bool `(n,)` of genes `(n, num_genes)`."""
    num_different = differences_from_nearest(genes, unseen)
    num_needed = least_difference(space)
    while np.mean(num_different < num_needed) > _MAX_SHARE_LEFT_OUT:
        num_needed //= 2
    return np.asarray(num_different < num_needed)


def _predict_unseen(predictor: AccuracyPredictor, table: AccuracyTable, folds: Sequence[_Fold]) -> Prediction:
    mean = np.zeros(len(table))
    std = np.zeros(len(table))
    for fold in folds:
        prediction = predictor.refit(table.rows(fold.seen)).predict(table.genes[fold.unseen])
        mean[fold.unseen] = prediction.mean
        std[fold.unseen] = prediction.std
    return Prediction(mean, std)


def _find_shared_variance(
    predictor: AccuracyPredictor, table: AccuracyTable, folds: Sequence[_Fold], prediction: Prediction
) -> float:
    """Covariance of the noise that a prediction takes over from the measurements of others with that of its arch.

    What measurements on half of the images differ by from those on all of them is nothing but noise. So is what
    predictions from these measurements differ by from predictions from all. As in `estimate_noise_std`, what all archs
    have in common does not count.
    """
    first, second = table.num_images
    if min(first, second) == 0:
        return 0.0
    half_table = table.of_first_half()
    half_prediction = _predict_unseen(predictor, half_table, folds)
    noise_of_measurement = half_table.top1 - table.top1
    noise_of_prediction = half_prediction.mean - prediction.mean
    covariance = np.mean((noise_of_measurement - noise_of_measurement.mean()) * noise_of_prediction)
    # With s^2 the variance of a single image, a half differs by s^2 * second / first / (first + second) from the whole,
    # and the noise of the whole is s^2 / (first + second).
    return max(0.0, float(covariance) * first / second)


def _least_noise_variance(table: AccuracyTable) -> float:
    """The least that the variance of the noise may be, as it was estimated: two standard errors less.

    A predictor that is nearly as good as measurements can judge it errs by little more than the noise. Where that is
    taken for a little larger than it is, nothing is left for the predictor's own errors, and error bars collapse.
    """
    standard_error = np.sqrt(2 / len(table))
    return float(table.noise_std**2 * max(0, 1 - 2 * standard_error))


def _fit_std_factor(errors: np.ndarray, std: np.ndarray, variance_in_errors: float) -> float:
    """What to multiply error bars by, so that they explain the errors, in the mean of squares.

    Args:
        errors: Of predictions from measurements, `(n,)`.
        std: Error bars, `(n,)`.
        variance_in_errors: How much of the mean square is no error of the predictions, but noise of the measurements.
    """
    explained = np.mean(std**2)
    if explained == 0:
        return 1.0
    to_explain = max(np.mean(errors**2) - variance_in_errors, 0)
    num_archs = len(errors)
    found = num_archs * to_explain / explained
    return float(np.sqrt((found + _NUM_ARCHS_OF_PRIOR) / (num_archs + _NUM_ARCHS_OF_PRIOR)))
