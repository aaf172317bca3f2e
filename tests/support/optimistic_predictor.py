"""A predictor that expects more than is possible, as a linear one may of a supernet that is nearly perfect."""

import dataclasses

from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor, fit_predictor
from ofa_tf.search.predictors.prediction import Prediction

_TOO_MUCH = 0.5


class OptimisticPredictor(FittedPredictor):
    """All that it says of archs of its table is too high by half."""

    @classmethod
    def fit(cls, table: AccuracyTable) -> "OptimisticPredictor":
        """Fitted to a table."""
        return cls._of(fit_predictor(table, "linear"))

    @classmethod
    def _of(cls, fitted: FittedPredictor) -> "OptimisticPredictor":
        return cls(fitted.name, fitted.table, fitted.predictor, fitted.validation)

    def refit(self, table: AccuracyTable) -> "OptimisticPredictor":
        return self._of(super().refit(table))

    @property
    def unseen(self) -> Prediction:
        return _raise(self._sober().unseen)

    def estimate_table(self) -> Prediction:
        return _raise(self._sober().estimate_table())

    def _sober(self) -> FittedPredictor:
        return FittedPredictor(self.name, self.table, self.predictor, self.validation)


def _raise(prediction: Prediction) -> Prediction:
    return dataclasses.replace(prediction, mean=prediction.mean + _TOO_MUCH)
