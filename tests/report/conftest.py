import dataclasses
from collections.abc import Callable, Sequence

import pytest

from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.constrained_search import SearchResult, search_arch
from ofa_tf.search.constraint_kinds import CostContext
from ofa_tf.search.constraints import Limits, make_constraints
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.finalists import FinalSettings
from ofa_tf.search.front.measured_front import Front, StopReason
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor, fit_predictor
from tests.support.front_pictures import front_point
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.spaces import MICRO


@pytest.fixture(scope="module")
def predictor() -> FittedPredictor:
    return fit_predictor(SimulatedSupernet(MICRO).table(20), "linear")


@pytest.fixture(scope="module")
def found() -> SearchResult:
    """What a search within a limit of MACs found, with a report that 1,500 of 2,000 images are right."""
    supernet = SimulatedSupernet(MICRO)
    result = search_arch(
        MICRO,
        fit_predictor(supernet.table(30), "linear"),
        make_constraints(CostContext(MICRO, 10), Limits(macs=1e9)),
        settings=EvolutionSettings(10, 5),
        final=FinalSettings(supernet.measure, 2),
    )
    return dataclasses.replace(result, reported=AccuracyCount((700, 800), (1000, 1000)))


@pytest.fixture(name="make_front", scope="module")
def _make_front(predictor: FittedPredictor) -> Callable[..., Front]:
    """Makes a front of archs that have these costs and accuracies."""

    def make(best: Sequence[tuple[float, ...]], others: Sequence[tuple[float, ...]] = ()) -> Front:
        points = [front_point(values, is_on_front=True) for values in best]
        points += [front_point(values, is_on_front=False) for values in others]
        points.sort(key=lambda point: point.costs["latency_ms"])
        return Front(
            points=tuple(points),
            predictor=predictor,
            num_measured=0,
            hypervolumes=(),
            max_measured=0,
            stop_reason=StopReason.NOTHING_NEW,
            quality_before=predictor.quality,
        )

    return make
