"""`AccuracyPredictor`: what a search asks of whatever predicts accuracies."""

from typing import Protocol

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.prediction import Prediction
from ofa_tf.space.search_space import SearchSpace

MIN_ARCHS_FOR_PREDICTOR = 10


class AccuracyPredictor(Protocol):
    """Predicts the top-1 accuracy of any arch of a search space, and says how sure it is.

    A class that has these three members is one; it need not inherit from this one. How good it is,
    cross-validation finds out (`cross_validation.py`), and corrects the width of its error bars. One that takes long
    to fit may say in a class attribute `num_folds` in how many parts the table is cut for that, instead of ten.
    """

    @classmethod
    def fit(cls, table: AccuracyTable) -> "AccuracyPredictor":
        """Fit a predictor to measured accuracies.

        The same table must give the same predictor, so that a search can be repeated.
        """

    def refit(self, table: AccuracyTable) -> "AccuracyPredictor":
        """Fit a predictor of this kind to a part of the table that this one was fitted to, to judge it.

        It may keep what this one has learned about the accuracies as a whole and would take long to learn again,
        but nothing about single archs. Mostly it is `return self.fit(table)`.
        """

    def predict(self, genes: np.ndarray) -> Prediction:
        """Predicted top-1 accuracies of `n` archs, for genes `(n, num_genes)`."""


def check_space(space: SearchSpace) -> None:
    """Check that a search space has subnets enough for a table that anything can be fitted to.

    Raises:
        InputError: If it has not, as that of a subnet trained alone.
    """
    num_archs = space.count(include_image_sizes=True)
    if num_archs < MIN_ARCHS_FOR_PREDICTOR:
        raise InputError(
            f"Expected a search space of at least {MIN_ARCHS_FOR_PREDICTOR} subnets. Received: {space.name}, which has "
            f"{num_archs}. There is nothing to search in it; tools/evaluate.py --arch=max measures the largest one."
        )


def check_table(table: AccuracyTable) -> None:
    """Check that a table is large enough to fit anything to it.

    Raises:
        InputError: If it has fewer than `MIN_ARCHS_FOR_PREDICTOR` entries.
    """
    num_archs = len(table.top1)
    if num_archs < MIN_ARCHS_FOR_PREDICTOR:
        raise InputError(
            f"Expected an accuracy table of at least {MIN_ARCHS_FOR_PREDICTOR} archs. Received: {num_archs}. "
            "Measure more: tools/build_accuracy_table.py --num_archs=100."
        )
