"""`KnownArchs`: what is known of the archs that a search for a family meets."""

import dataclasses
import functools
import itertools
from collections.abc import Callable

import numpy as np

from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.front.front_evolution import Objective
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor
from ofa_tf.search.predictors.prediction import Prediction
from ofa_tf.space.arch import Arch


@dataclasses.dataclass(frozen=True)
class ToldPredictions:
    """Accuracies as they are told, at most 1.

    Args:
        unseen: By a predictor that was fitted without the arch.
        estimate: By prediction and measurement together.
    """

    unseen: Prediction
    estimate: Prediction


class KnownArchs:
    """Accuracies, measured or predicted, and costs of archs.

    Args:
        predictor: Fitted to all that was measured.
        exact_cost: Canonical genes `(n, num_genes)` -> costs `(n,)`, above 0.
    """

    def __init__(self, predictor: FittedPredictor, exact_cost: Objective) -> None:
        self.predictor = predictor
        self._space = predictor.table.space
        self._exact_cost = exact_cost

    @functools.cached_property
    def _genes(self) -> np.ndarray:
        return self._space.canonical_genes(self.predictor.table.genes)

    @functools.cached_property
    def _row_of(self) -> dict[tuple[int, ...], int]:
        return {tuple(genes): row for row, genes in enumerate(self._genes.tolist())}

    @functools.cached_property
    def _estimate(self) -> Prediction:
        return self.predictor.estimate_table()

    @functools.cached_property
    def told(self) -> ToldPredictions:
        """What is told of the archs of the predictor's table."""
        return ToldPredictions(self.predictor.unseen.capped(), self._estimate.capped())

    @property
    def measured_genes(self) -> np.ndarray:
        """Canonical genes of the archs whose accuracy was measured as the search needs it."""
        return self._genes[~self.predictor.table.is_computed]

    def row(self, genes: np.ndarray) -> int | None:
        """Where an arch stands in the predictor's table; `None`: nowhere."""
        return self._row_of.get(tuple(genes.tolist()))

    def values(self, genes: np.ndarray) -> np.ndarray:
        """Both objectives of archs, to be minimised: the loss, as far as it is known, and the logarithm of the cost.

        Args:
            genes: Canonical, `(n, num_genes)`.

        Returns:
            `(n, 2)`.
        """
        losses = -self.predictor.predict(genes).mean
        for place, arch_genes in enumerate(genes):
            row = self.row(arch_genes)
            if row is not None:
                losses[place] = -self._estimate.mean[row]
        costs = np.asarray(self._exact_cost(genes), float)
        return np.column_stack([losses, np.log(costs)])

    def leave_out_measured(self, genes: np.ndarray) -> np.ndarray:
        """Those of some archs whose accuracy was not measured as the search needs it."""
        is_computed = self.predictor.table.is_computed
        is_unknown = []
        for arch_genes in genes:
            row = self.row(arch_genes)
            is_unknown.append(row is None or bool(is_computed[row]))
        return genes[np.array(is_unknown, bool)]

    def with_measured(self, genes: np.ndarray, measure: Callable[[Arch], AccuracyCount]) -> "KnownArchs":
        """What is known once some archs are measured, and the predictor is fitted again.

        Args:
            genes: Canonical, `(n, num_genes)`.
            measure: Measures an arch on the images of the accuracy table.
        """
        is_new = np.array([self.row(arch_genes) is None for arch_genes in genes], bool)
        measurements = [measure(arch) for arch in self._space.decode(genes)]
        table = self.predictor.table
        if is_new.any():
            table = table.extended_by(genes[is_new], list(itertools.compress(measurements, is_new)))
        if not is_new.all():
            table = table.with_measured(genes[~is_new], list(itertools.compress(measurements, ~is_new)))
        return KnownArchs(self.predictor.refit(table), self._exact_cost)
