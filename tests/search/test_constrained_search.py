import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.constrained_search import search_arch
from ofa_tf.search.constraints import Limits, make_constraints
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.finalists import FinalistSettings
from ofa_tf.search.predictors.accuracy_predictor import AccuracyPredictor
from ofa_tf.search.predictors.predictor_registry import fit_predictor
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_macs
from ofa_tf.tflite.footprint.footprint import Footprint
from ofa_tf.tflite.quantization.modes import INT8
from tests.support.accuracies import table_of
from tests.support.spaces import MICRO

_FAST = EvolutionSettings(population_size=20, num_generations=20)


@pytest.fixture(scope="module")
def predictor() -> AccuracyPredictor:
    genes = MICRO.sample_genes(np.random.default_rng(0), 60)
    top1 = 0.5 + 0.01 * MICRO.canonical_genes(genes).sum(axis=1)
    return fit_predictor(table_of(MICRO, genes, top1))


def test_the_finalist_that_is_measured_best_is_returned_with_its_costs(predictor: AccuracyPredictor) -> None:
    measured_archs: list[Arch] = []

    def measure(arch: Arch) -> float:
        measured_archs.append(arch)
        return 0.1 * len(measured_archs)

    limit = float(np.median(num_macs(MICRO, MICRO.sample_genes(np.random.default_rng(1), 99), 10)))
    constraints = make_constraints(MICRO, 10, Limits(macs=limit))
    found = search_arch(
        MICRO, predictor, constraints, settings=_FAST, finalists=FinalistSettings(measure, num_finalists=3)
    )
    assert len(set(measured_archs)) == 3
    assert (found.arch, found.measured_top1) == (measured_archs[-1], pytest.approx(0.3))
    assert found.costs == {"macs": num_macs(MICRO, found.arch, 10)}
    assert found.costs["macs"] <= found.limits["macs"] == limit
    assert found.arch == MICRO.canonical(found.arch)


def test_an_arch_that_was_measured_before_wins_if_it_is_better_and_within_the_limits(
    predictor: AccuracyPredictor,
) -> None:
    genes = MICRO.sample_genes(np.random.default_rng(2), 30)
    macs = num_macs(MICRO, genes, 10)
    limit = float(np.median(macs))
    constraints = make_constraints(MICRO, 10, Limits(macs=limit))
    best, too_large = int(np.argmin(macs)), int(np.argmax(macs))
    top1 = np.full(30, 0.5)
    top1[best], top1[too_large] = 0.9, 0.99
    known = table_of(MICRO, genes, top1)
    for measured, is_known in ((0.89, True), (0.9, False)):
        finalists = FinalistSettings(lambda arch: measured, 3, known)  # noqa: B023
        found = search_arch(MICRO, predictor, constraints, settings=_FAST, finalists=finalists)
        assert (found.arch == MICRO.canonical(MICRO.decode_one(genes[best]))) == is_known
        assert found.measured_top1 == max(measured, 0.9)
        assert found.costs["macs"] == num_macs(MICRO, found.arch, 10) <= limit
        assert found.predicted_top1 == pytest.approx(
            min(1.0, float(predictor.predict(MICRO.encode(found.arch)[None])[0]))
        )


def test_a_search_without_finalists_to_measure_is_refused() -> None:
    with pytest.raises(InputError, match=r"Expected `num_finalists` to be at least 1. Received: num_finalists=0"):
        FinalistSettings(lambda arch: 0.5, num_finalists=0)


def test_without_finalists_the_best_prediction_wins(predictor: AccuracyPredictor) -> None:
    found = search_arch(MICRO, predictor, make_constraints(MICRO, 10, Limits(macs=1e12)), settings=_FAST)
    assert found.arch == MICRO.canonical(MICRO.largest())
    assert found.measured_top1 is None


def test_every_limit_is_kept(predictor: AccuracyPredictor) -> None:
    middle = MICRO.decode_one((MICRO.gene_counts - 1) // 2)
    footprint = Footprint(MICRO, 10, INT8)
    limits = {
        "latency_ms": 2.0,
        "macs": num_macs(MICRO, middle, 10),
        "size_bytes": footprint.size_bytes(middle),
        "peak_ram_bytes": footprint.peak_ram_bytes(middle),
    }
    given = Limits(**{name: float(limit) for name, limit in limits.items()})
    constraints = make_constraints(
        MICRO,
        10,
        given,
        predict_latency_ms=lambda genes: 1 + genes[:, 0] / 2,
        footprint=footprint,
    )
    found = search_arch(MICRO, predictor, constraints, settings=_FAST)
    assert set(found.costs) == {"latency_ms", "macs", "size_bytes", "peak_ram_bytes"}
    assert all(found.costs[name] <= found.limits[name] for name in found.costs)


def test_an_arch_that_was_measured_before_never_wins_outside_the_limits(predictor: AccuracyPredictor) -> None:
    constraints = make_constraints(MICRO, 10, Limits(macs=float(num_macs(MICRO, MICRO.smallest(), 10))))
    genes = MICRO.encode([MICRO.largest()])
    known = table_of(MICRO, genes, np.array([0.99]))
    found = search_arch(
        MICRO, predictor, constraints, settings=_FAST, finalists=FinalistSettings(lambda arch: 0.1, 3, known)
    )
    assert found.measured_top1 == 0.1
