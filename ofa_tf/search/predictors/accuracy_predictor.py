"""`AccuracyPredictor`: what a search asks of whatever predicts accuracies."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from ofa_tf.base.correlation import rank_correlation
from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.space.search_space import SearchSpace

MIN_ARCHS_FOR_PREDICTOR = 10


class AccuracyPredictor(Protocol):
    """Predicts the top-1 accuracy of any arch of a search space.

    A class that has these three members is one; it need not inherit from this one.
    """

    @property
    def report(self) -> Mapping[str, Any]:
        """Its quality on archs that it was not fitted to, see `report_quality`."""

    @classmethod
    def fit(cls, table: AccuracyTable) -> "AccuracyPredictor":
        """Fit a predictor to measured accuracies.

        The same table must give the same predictor, so that a search can be repeated.

        Raises:
            InputError: If the table has too few entries, see `check_table`.
        """

    def predict(self, genes: np.ndarray) -> np.ndarray:
        """Predicted top-1 accuracies: float `(n,)` for genes `(n, num_genes)`.

        They should lie in [0, 1], but may leave it a little, as a linear model's do.
        """


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


def report_quality(predicted: np.ndarray, measured: np.ndarray) -> dict[str, Any]:
    """How well predictions agree with measurements that the predictor has not seen.

    Args:
        predicted: Predicted top-1 accuracies, `(n,)`.
        measured: Measured ones of the same archs, `(n,)`.

    Returns:
        `num_archs`, `rmse` (root of the mean squared error, in units of accuracy) and
        `rank_correlation` (Spearman; `None` where it is not defined).
    """
    errors = predicted - measured
    return {
        "num_archs": len(measured),
        "rmse": float(np.sqrt(np.mean(errors**2))),
        "rank_correlation": rank_correlation(predicted, measured),
    }
