"""Searches compute in one thread: several wait for each other, and for whatever else keeps the processors busy."""

import numpy as np
import pytest
from sklearn.linear_model import BayesianRidge
from threadpoolctl import threadpool_limits

from ofa_tf.search.evolution import EvolutionSettings, evolve
from ofa_tf.search.front.front_evolution import evolve_front
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.space.presets import get_search_space
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.threads import numbers_of_threads

_SPACE = get_search_space("mobilenet_v3_tiny")
_BRIEF = EvolutionSettings(population_size=4, num_generations=2)


def test_archs_are_scored_in_one_thread() -> None:
    seen = []

    def score(genes: np.ndarray) -> np.ndarray:
        seen.append(numbers_of_threads())
        return genes.sum(axis=1).astype(float)

    def opposite_score(genes: np.ndarray) -> np.ndarray:
        return -score(genes)

    with threadpool_limits(limits=2, user_api="blas"):
        evolve(_SPACE, score, [], np.random.default_rng(0), settings=_BRIEF)
        evolve_front(_SPACE, [score, opposite_score], [], np.random.default_rng(0), settings=_BRIEF)
        assert numbers_of_threads() == {2}
    assert set.union(*seen) == {1}


def test_predictors_are_fitted_in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    fit = BayesianRidge.fit

    def watched_fit(self: BayesianRidge, *arguments: np.ndarray) -> BayesianRidge:
        seen.append(numbers_of_threads())
        return fit(self, *arguments)

    monkeypatch.setattr(BayesianRidge, "fit", watched_fit)
    table = SimulatedSupernet(_SPACE, seed=1).table(64)
    with threadpool_limits(limits=2, user_api="blas"):
        fitted = fit_predictor(table, "linear").refit(table)
        fitted.learning_curve()
    assert set.union(*seen) == {1}
