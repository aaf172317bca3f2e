import copy

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.constrained_search import SearchResult
from ofa_tf.search.constraints import Limits
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.predictors import predictor_registry
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.search.predictors.linear_predictor import LinearPredictor
from ofa_tf.search.predictors.prediction import Prediction
from ofa_tf.workflow.search import Measurers, SearchSettings, search_within
from tests.support.accuracies import table_of
from tests.support.spaces import MICRO

_HALF = AccuracyCount((5, 5), (10, 10))

_FAST = EvolutionSettings(population_size=20, num_generations=20)


class _ContraryPredictor(LinearPredictor):
    """Takes the worst archs for the best."""

    def predict(self, genes: np.ndarray) -> Prediction:
        prediction = super().predict(genes)
        return Prediction(-prediction.mean, prediction.std)


def _search(settings: SearchSettings) -> SearchResult:
    """What is found from accuracies by which the largest network is the best one."""
    genes = MICRO.sample_genes(np.random.default_rng(0), 60)
    top1 = 0.5 + 0.01 * MICRO.canonical_genes(genes).sum(axis=1)
    accuracies = table_of(MICRO, genes, top1)
    return search_within(
        Limits(macs=1e12),
        10,
        predictor=fit_predictor(accuracies, settings.predictor),
        latency_model=None,
        measurers=Measurers(lambda arch: _HALF, lambda arch: _HALF),
        settings=settings,
    )


def test_a_search_uses_the_predictor_that_its_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor_registry, "PREDICTORS", copy.deepcopy(predictor_registry.PREDICTORS))
    predictor_registry.PREDICTORS.register("contrary", _ContraryPredictor)
    trusting = {"evolution": _FAST, "num_finalists": 0}
    assert _search(SearchSettings(**trusting)).arch == MICRO.canonical(MICRO.largest())
    assert _search(SearchSettings(**trusting, predictor="contrary")).arch == MICRO.smallest()


def test_without_a_limit_of_the_latency_no_confidence_is_told() -> None:
    found = _search(SearchSettings(evolution=_FAST, num_finalists=0, confidence=0.9))
    assert (found.confidence, found.latency_margin) == (None, 0.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"precision": "int3"}, r"Expected `precision` to be one of .* Received: precision='int3'"),
        (
            {"predictor": "oracle"},
            r"Expected the accuracy predictor \(--predictor\) to be one of .*'automatic'\]\. Received: 'oracle'",
        ),
        ({"num_finalists": -1}, r"Expected `num_finalists` to be at least 0. Received: num_finalists=-1"),
        ({"seed": -1}, r"Expected `seed` to be at least 0. Received: seed=-1"),
        ({"pessimism": float("nan")}, r"Expected `pessimism` to be at least 0. Received: pessimism=nan"),
        ({"confidence": 1.0}, r"Expected `confidence` to be above 0 and below 1. Received: confidence=1.0"),
    ],
)
def test_a_search_that_would_fail_later_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        SearchSettings(**settings)
