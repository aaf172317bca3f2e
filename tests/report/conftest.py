from collections.abc import Callable, Sequence

import pytest

from ofa_tf.search.front.measured_front import Front, StopReason
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor, fit_predictor
from tests.support.front_pictures import front_point
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.spaces import MICRO


@pytest.fixture(scope="module")
def predictor() -> FittedPredictor:
    return fit_predictor(SimulatedSupernet(MICRO).table(20), "linear")


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
