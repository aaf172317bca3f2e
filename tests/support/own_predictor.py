"""An accuracy predictor as a user may write one."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.accuracy_predictor import AccuracyPredictor
from ofa_tf.space.search_space import SearchSpace


@dataclasses.dataclass(frozen=True)
class OwnPredictor:
    """Thinks that the smaller network is the better one."""

    space: SearchSpace
    report: Mapping[str, Any]

    @classmethod
    def fit(cls, table: AccuracyTable) -> AccuracyPredictor:
        return cls(table.space, {"num_archs": len(table.top1), "rmse": 0.125, "rank_correlation": None})

    def predict(self, genes: np.ndarray) -> np.ndarray:
        return 0.5 - 0.01 * self.space.canonical_genes(genes).sum(axis=1)
