"""`FittedPredictor`: the predictor that a search uses, chosen by cross-validation, which scaled its error bars, too."""

import dataclasses

import numpy as np

from ofa_tf.base.linear_algebra_threads import one_thread_of_linear_algebra
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.accuracy_predictor import AccuracyPredictor, check_table
from ofa_tf.search.predictors.cross_validation import (
    CrossValidation,
    PredictorQuality,
    cross_validate,
    learning_curve,
)
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

# Errors that differ by less are equal.
_EQUAL_RMSE = 1e-9


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
        return _fit(self.name, table)

    def predict(self, genes: np.ndarray) -> Prediction:
        """Predicted top-1 accuracies of `n` archs, for genes `(n, num_genes)`."""
        prediction = self.predictor.predict(genes).scaled(self.validation.std_factor)
        return self._widened_by_correction(prediction)

    @property
    def unseen(self) -> Prediction:
        """Of each arch of the table, by a predictor that was fitted without it, `(n,)`."""
        return self._widened_by_correction(self.validation.unseen)

    @one_thread_of_linear_algebra()
    def learning_curve(self) -> dict[int, float]:
        """Number of archs -> RMSE of the same kind of predictor, fitted to so many of the table's archs, and to all."""
        return learning_curve(get_predictor(self.name), self.table, self.quality)

    def estimate_table(self) -> Prediction:
        """What is known of the archs of the table: measured, and predicted from the others.

        Where accuracies were computed from what quantization loses on average, nothing is known of what else an arch
        loses or does not: by its prediction and its computed accuracy together as little as by each of them. Only its
        own measurement tells.
        """
        measured = self._combined_with_table(self.unseen)
        computed = self._widened_by_correction(self._combined_with_table(self.validation.unseen))
        is_computed = self.table.is_computed
        return Prediction(
            mean=np.where(is_computed, computed.mean, measured.mean),
            std=np.where(is_computed, computed.std, measured.std),
        )

    def _widened_by_correction(self, prediction: Prediction) -> Prediction:
        """With what archs lose beside the mean loss that the table was corrected by: no prediction knows of it."""
        correction = self.table.correction
        if correction is None:
            return prediction
        return prediction.widened(correction.std)

    def _combined_with_table(self, unseen: Prediction) -> Prediction:
        return unseen.combined_with(self.table.top1, self.table.noise_std, self.validation.shared_variance)


def fit_predictor(table: AccuracyTable, name: str = AUTOMATIC) -> FittedPredictor:
    """Fit a predictor to measured accuracies.

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

    fits = [_fit(candidate, table) for candidate in names]
    least_rmse = min(fitted.quality.rmse for fitted in fits)
    # Of equally good ones the simplest, the first, is taken, however errors were rounded.
    return next(fitted for fitted in fits if fitted.quality.rmse <= least_rmse + _EQUAL_RMSE)


@one_thread_of_linear_algebra()
def _fit(name: str, table: AccuracyTable) -> FittedPredictor:
    predictor = get_predictor(name).fit(table)
    return FittedPredictor(name, table, predictor, cross_validate(predictor, table))


def candidates(num_archs: int) -> list[str]:
    """The predictors that are made for tables of so many archs."""
    names = [LINEAR]
    if num_archs <= MAX_ARCHS_FOR_GAUSSIAN_PROCESS:
        names.append(GAUSSIAN_PROCESS)
    if num_archs >= MIN_ARCHS_FOR_MLP:
        names.append(MLP_ENSEMBLE)
    return names
