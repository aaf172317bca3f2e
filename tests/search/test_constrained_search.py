import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.constrained_search import search_arch
from ofa_tf.search.constraint_kinds import CostContext
from ofa_tf.search.constraints import Limits, make_constraints
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.finalists import FinalSettings
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor, fit_predictor
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_macs
from ofa_tf.tflite.footprint.footprint import Footprint
from ofa_tf.tflite.lowering.targets import MCU
from ofa_tf.tflite.quantization.modes import INT8
from tests.support.accuracies import table_of
from tests.support.spaces import MICRO

_FAST = EvolutionSettings(population_size=20, num_generations=20)


@pytest.fixture(scope="module")
def predictor() -> FittedPredictor:
    genes = MICRO.sample_genes(np.random.default_rng(0), 60)
    top1 = 0.5 + 0.01 * MICRO.canonical_genes(genes).sum(axis=1)
    return fit_predictor(table_of(MICRO, genes, top1))


def test_an_arch_that_is_measured_clearly_better_is_returned_with_its_costs(predictor: FittedPredictor) -> None:
    limit = float(np.median(num_macs(MICRO, MICRO.sample_genes(np.random.default_rng(1), 99), 10)))
    constraints = make_constraints(CostContext(MICRO, 10), Limits(macs=limit))
    measured_archs: list[Arch] = []

    def measure(arch: Arch) -> AccuracyCount:
        measured_archs.append(arch)
        num_correct = 10**9 if len(measured_archs) == 2 else 0
        return AccuracyCount((num_correct, num_correct), (10**9, 10**9))

    def report(arch: Arch) -> AccuracyCount:
        assert arch == measured_archs[1]
        return AccuracyCount((30, 30), (40, 40))

    final = FinalSettings(measure, num_finalists=3, num_rounds=1)
    found = search_arch(MICRO, predictor, constraints, settings=_FAST, final=final, report=report)
    assert len(set(measured_archs)) == 3
    assert found.arch == measured_archs[1] == MICRO.canonical(found.arch)
    assert (found.measured_top1, found.reported_top1) == (1.0, 0.75)
    assert found.costs == {"macs": num_macs(MICRO, found.arch, 10)}
    assert found.costs["macs"] <= found.limits["macs"] == limit


def test_a_further_search_knows_what_was_measured(predictor: FittedPredictor) -> None:
    """What the first search measures is worse than predicted, but for one, which the second one then takes."""
    constraints = make_constraints(CostContext(MICRO, 10), Limits(macs=1e12))
    measured_archs: list[Arch] = []

    def measure(arch: Arch) -> AccuracyCount:
        measured_archs.append(arch)
        num_correct = 10**9 if len(measured_archs) == 2 else 0
        return AccuracyCount((num_correct, num_correct), (10**9, 10**9))

    final = FinalSettings(measure, num_finalists=2, num_rounds=1)
    first = search_arch(MICRO, predictor, constraints, settings=_FAST, final=final)
    assert first.known is not None
    second = search_arch(MICRO, first.known, constraints, settings=_FAST, final=final)
    assert len(set(measured_archs)) == len(measured_archs) == 4
    assert second.final is not None
    assert second.arch == first.arch == measured_archs[1]
    assert not second.final.winner.is_found


def test_each_round_searches_with_what_was_measured_before(predictor: FittedPredictor) -> None:
    """Every first finalist turns out to be useless; the second round looks elsewhere."""
    constraints = make_constraints(CostContext(MICRO, 10), Limits(macs=1e12))
    measured_archs: list[Arch] = []

    def measure(arch: Arch) -> AccuracyCount:
        measured_archs.append(arch)
        return AccuracyCount((0, 0), (10**9, 10**9))

    search_arch(MICRO, predictor, constraints, settings=_FAST, final=FinalSettings(measure, 4, 2))
    assert len(set(measured_archs)) == 4
    macs = [num_macs(MICRO, arch, 10) for arch in measured_archs]
    assert max(macs[2:]) < max(macs[:2])


def test_without_finalists_the_best_prediction_wins(predictor: FittedPredictor) -> None:
    found = search_arch(MICRO, predictor, make_constraints(CostContext(MICRO, 10), Limits(macs=1e12)), settings=_FAST)
    assert found.arch == MICRO.canonical(MICRO.largest())
    assert found.measured_top1 is None


def test_a_limit_of_the_arena_is_kept_by_models_for_microcontrollers_and_refused_for_others(
    predictor: FittedPredictor,
) -> None:
    middle = MICRO.decode_one((MICRO.gene_counts - 1) // 2)
    footprint = Footprint(MICRO, 10, INT8, target=MCU)
    limit = footprint.arena_bytes(middle)
    assert footprint.arena_bytes(MICRO.largest()) > limit
    context = CostContext(MICRO, 10, footprint=footprint)
    found = search_arch(MICRO, predictor, make_constraints(context, Limits(arena_bytes=limit)), settings=_FAST)
    assert footprint.arena_bytes(found.arch) == found.costs["arena_bytes"] <= limit

    for_cpu = CostContext(MICRO, 10, footprint=Footprint(MICRO, 10, INT8))
    with pytest.raises(
        InputError, match=r"models for microcontrollers for arena_bytes\. Received: none\. Search with --target=mcu"
    ):
        make_constraints(for_cpu, Limits(arena_bytes=limit))


def test_every_limit_is_kept(predictor: FittedPredictor) -> None:
    middle = MICRO.decode_one((MICRO.gene_counts - 1) // 2)
    footprint = Footprint(MICRO, 10, INT8)
    limits = {
        "latency_ms": 2.0,
        "macs": num_macs(MICRO, middle, 10),
        "size_bytes": footprint.size_bytes(middle),
        "peak_ram_bytes": footprint.peak_ram_bytes(middle),
    }
    given = Limits(**{name: float(limit) for name, limit in limits.items()})
    context = CostContext(MICRO, 10, predict_latency_ms=lambda genes: 1 + genes[:, 0] / 2, footprint=footprint)
    constraints = make_constraints(context, given)
    found = search_arch(MICRO, predictor, constraints, settings=_FAST)
    assert set(found.costs) == {"latency_ms", "macs", "size_bytes", "peak_ram_bytes"}
    assert all(found.costs[name] <= found.limits[name] for name in found.costs)
