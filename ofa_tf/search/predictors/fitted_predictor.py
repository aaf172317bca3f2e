"""`FittedPredictor`: the predictor that a search uses, chosen and corrected by cross-validation."""

import dataclasses
import functools
import hashlib

import numpy as np

from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.accuracy_predictor import AccuracyPredictor, check_table
from ofa_tf.search.predictors.cross_validation import CrossValidation, PredictorQuality, cross_validate
from ofa_tf.search.predictors.gaussian_process_predictor import MAX_ARCHS_FOR_GAUSSIAN_PROCESS
from ofa_tf.search.predictors.mlp_ensemble_predictor import MIN_ARCHS_FOR_MLP
from ofa_tf.search.predictors.prediction import Prediction
from ofa_tf.search.predictors.predictor_registry import (
    AUTOMATIC,
    GAUSSIAN_PROCESS,
    LINEAR,
    MLP_ENSEMBLE,
    get_predictor,
)

# Predictors that are kept, as one call for several devices and limits searches with the same table each time.
_MAX_REMEMBERED = 8


@dataclasses.dataclass(frozen=True)
class FittedPredictor:
    """An accuracy predictor, fitted to a table, with error bars that cross-validation has checked.

    Args:
        name: Of the predictor, as it is registered.
        table: What it was fitted to.
        predictor: Itself.
        validation: What cross-validation says of it.
    """

    name: str
    table: AccuracyTable
    predictor: AccuracyPredictor
    validation: CrossValidation

    @property
    def quality(self) -> PredictorQuality:
        """How good it is on archs that it was not fitted to."""
        return self.validation.quality

    def refit(self, table: AccuracyTable) -> "FittedPredictor":
        """The same kind of predictor, fitted to another table.

        Which kind is best is not asked again, although that may change as a table grows: archs that a search adds are
        the best ones, and who predicts these among themselves best does not predict the others best.
        """
        return _fit(self.name, get_predictor(self.name), table)

    def predict(self, genes: np.ndarray) -> Prediction:
        """Predicted top-1 accuracies of `n` archs, for genes `(n, num_genes)`."""
        return self.predictor.predict(genes).scaled(self.validation.std_factor)

    def estimate_table(self) -> Prediction:
        """What is known of the archs of the table: measured, and predicted from the others."""
        validation = self.validation
        return validation.unseen.combined_with(self.table.top1, self.table.noise_std, validation.shared_variance)


def fit_predictor(table: AccuracyTable, name: str = AUTOMATIC) -> FittedPredictor:
    """Fit a predictor to measured accuracies, or take the one that was fitted to the same ones before.

    Args:
        table: The measured accuracies.
        name: Which predictor, one of `PREDICTORS`; or `AUTOMATIC` for the one with the smallest cross-validated
            error among those that are made for tables of this size.

    Raises:
        InputError: If there is none of that name, or the table has too few entries.
    """
    check_table(table)
    names = [name]
    if name == AUTOMATIC:
        names = candidates(len(table.top1))

    content = _Content(table)
    fits = [_fit_or_remember(candidate, get_predictor(candidate), content) for candidate in names]
    return min(fits, key=lambda fitted: fitted.quality.rmse)


class _Content:
    """A table that equals another one with the same measurements."""

    def __init__(self, table: AccuracyTable) -> None:
        self.table = table
        measurements = hashlib.sha256(table.genes.tobytes())
        measurements.update(table.num_correct.tobytes())
        self._key = (table.space, table.origin, table.num_images, table.known_noise_std, measurements.digest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@functools.lru_cache(maxsize=_MAX_REMEMBERED)
def _fit_or_remember(name: str, kind: type[AccuracyPredictor], content: _Content) -> FittedPredictor:
    return _fit(name, kind, content.table)


def _fit(name: str, kind: type[AccuracyPredictor], table: AccuracyTable) -> FittedPredictor:
    predictor = kind.fit(table)
    return FittedPredictor(name, table, predictor, cross_validate(predictor, table))


def candidates(num_archs: int) -> list[str]:
    """The predictors that are made for tables of so many archs."""
    names = [LINEAR]
    if num_archs <= MAX_ARCHS_FOR_GAUSSIAN_PROCESS:
        names.append(GAUSSIAN_PROCESS)
    if num_archs >= MIN_ARCHS_FOR_MLP:
        names.append(MLP_ENSEMBLE)
    return names
