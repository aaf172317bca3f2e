import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.constrained_search import search_arch
from ofa_tf.search.constraints import Limits, make_constraints
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.predictors import predictor_registry
from ofa_tf.search.predictors.accuracy_predictor import AccuracyPredictor
from ofa_tf.search.predictors.predictor_registry import fit_predictor
from ofa_tf.search.predictors.ridge_predictor import RidgePredictor
from ofa_tf.space.search_space import SearchSpace
from tests.support.spaces import MICRO


def _table() -> AccuracyTable:
    """Accuracies by which the largest network is the best one."""
    genes = MICRO.sample_genes(np.random.default_rng(0), 60)
    top1 = 0.5 + 0.01 * MICRO.canonical_genes(genes).sum(axis=1)
    return AccuracyTable(MICRO, genes, top1, "validation", "net")


@dataclasses.dataclass(frozen=True)
class _ContraryPredictor:
    """Thinks that the smaller network is the better one."""

    space: SearchSpace
    mean_top1: float
    report: Mapping[str, Any]

    @classmethod
    def fit(cls, table: AccuracyTable) -> AccuracyPredictor:
        return cls(table.space, float(table.top1.mean()), {"num_archs": len(table.top1)})

    def predict(self, genes: np.ndarray) -> np.ndarray:
        return self.mean_top1 - 0.01 * self.space.canonical_genes(genes).sum(axis=1)


def test_a_search_uses_a_predictor_that_was_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor_registry, "PREDICTORS", copy.deepcopy(predictor_registry.PREDICTORS))
    predictor_registry.PREDICTORS.register("contrary", _ContraryPredictor)

    constraints = make_constraints(MICRO, 10, Limits(macs=1e12))
    settings = EvolutionSettings(population_size=20, num_generations=20)
    predictor = fit_predictor(_table(), "contrary")
    result = search_arch(MICRO, predictor, constraints, settings=settings)

    assert result.arch == MICRO.smallest()
    assert result.predicted_top1 == pytest.approx(_table().top1.mean())


def test_the_ridge_predictor_is_used_unless_told_otherwise() -> None:
    predictor = fit_predictor(_table())
    assert isinstance(predictor, RidgePredictor)
    np.testing.assert_array_equal(predictor.weights, RidgePredictor.fit(_table()).weights)


def test_a_predictor_that_is_not_known_is_refused() -> None:
    with pytest.raises(InputError, match=r"Expected a predictor of accuracies, one of \['ridge'\]. Received: 'oracle'"):
        fit_predictor(_table(), "oracle")
