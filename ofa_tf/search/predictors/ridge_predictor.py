"""`RidgePredictor`: accuracies from a linear model of the choices."""

import dataclasses
import functools
from typing import Any

import numpy as np

from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.accuracy_predictor import check_table, report_quality
from ofa_tf.search.predictors.features import encode_features, tabulate
from ofa_tf.space.choice_numbers import ChoiceNumbers
from ofa_tf.space.search_space import SearchSpace

_NUM_FOLDS = 5
_PENALTIES = np.logspace(-2, 3, 16)


@dataclasses.dataclass(frozen=True)
class RidgePredictor:
    """Ridge regression from the choices of an arch to its top-1 accuracy.

    With some tens or hundreds of measured subnets a linear model is the one
    that does not overfit; the paper's three-layer perceptron had 16,000.

    Args:
        space: Search space.
        weights: Of the features, see `encode_features`: float `(num_features,)`.
        offset: Accuracy that is predicted where all features are 0.
        report: Cross-validated quality, see `report_quality`.

    Reference: Once-for-All, section 3.4, for the features.
    """

    space: SearchSpace
    weights: np.ndarray
    offset: float
    report: dict[str, Any]

    @classmethod
    def fit(cls, table: AccuracyTable) -> "RidgePredictor":
        """Fit to a table; cross-validation chooses the penalty, and a second one judges the result.

        Raises:
            InputError: If the table has fewer than `MIN_ARCHS_FOR_PREDICTOR` entries.
        """
        from sklearn.linear_model import RidgeCV
        from sklearn.model_selection import KFold, cross_val_predict

        check_table(table)
        features = encode_features(table.space, table.genes)
        model = RidgeCV(_PENALTIES).fit(features, table.top1)

        # Each accuracy is predicted by a model that was fitted without it, penalty included.
        folds = KFold(_NUM_FOLDS, shuffle=True, random_state=0)
        unseen = cross_val_predict(RidgeCV(_PENALTIES), features, table.top1, cv=folds)

        return cls(
            space=table.space,
            weights=model.coef_,
            offset=float(model.intercept_),
            report=report_quality(unseen, table.top1),
        )

    def predict(self, genes: np.ndarray) -> np.ndarray:
        """Predicted top-1 accuracies: float `(n,)` for genes `(n, num_genes)`."""
        return self._choice_numbers.sum(genes) + self.offset

    @functools.cached_property
    def _choice_numbers(self) -> ChoiceNumbers:
        return tabulate(self.space, self.weights)
