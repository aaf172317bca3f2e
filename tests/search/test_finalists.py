import dataclasses

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.constrained_search import SearchResult, search_arch
from ofa_tf.search.constraints import Constraint
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.finalists import Final, FinalSettings, hold_final, pick_finalists
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_macs
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from tests.support.optimistic_predictor import OptimisticPredictor
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.spaces import MICRO

_SPACE = get_search_space("mobilenet_v3_tiny")
_BRIEF = EvolutionSettings(population_size=40, num_generations=40)


def _macs_below(space: SearchSpace, quantile: float) -> Constraint:
    def measure(genes: np.ndarray) -> np.ndarray:
        return num_macs(space, genes, 10)

    sample = space.sample_genes(np.random.default_rng(5), 1000)
    return Constraint("macs", float(np.quantile(measure(sample), quantile)), measure)


def _hold(table: AccuracyTable, constraint: Constraint, min_confidence: float = 0.6, num_found: int = 0) -> Final:
    return hold_final(fit_predictor(table, "linear"), num_found, [constraint], min_confidence)


# --- who is measured ------------------------------------------------------------


def test_finalists_differ_in_a_tenth_of_their_genes() -> None:
    rng = np.random.default_rng(0)
    best = _SPACE.encode(_SPACE.largest())
    clones = np.repeat(best[np.newaxis], 30, axis=0)
    kernel_genes = np.arange(_SPACE.num_genes)[_SPACE.layout.of_field("kernel_sizes")]
    for row, gene in enumerate(rng.choice(kernel_genes, size=30)):
        clones[row, gene] = 0
    others = _SPACE.sample_genes(rng, 10)
    ranked = _SPACE.canonical_genes(np.concatenate([clones, others]))
    nobody = np.zeros((0, _SPACE.num_genes), np.int32)
    picked = pick_finalists(_SPACE, ranked, nobody, 4)
    np.testing.assert_array_equal(picked[0], ranked[0])
    needed = round(0.1 * _SPACE.num_genes)
    for row in range(4):
        for other in range(row):
            assert (picked[row] != picked[other]).sum() >= needed
    # Taking the best four would have taken four clones.
    assert (picked[:, np.newaxis] == ranked[30:]).all(axis=2).any(axis=0).sum() >= 3


def test_where_all_are_alike_less_difference_is_enough() -> None:
    best = _SPACE.encode(_SPACE.largest())
    ranked = np.repeat(best[np.newaxis], 3, axis=0)
    ranked[1, -1] -= 1
    ranked[2, -2] -= 1
    nobody = np.zeros((0, _SPACE.num_genes), np.int32)
    assert len(pick_finalists(_SPACE, ranked, nobody, 3)) == 3


def test_what_is_measured_already_is_not_measured_again() -> None:
    ranked = _SPACE.canonical_genes(_SPACE.sample_genes(np.random.default_rng(0), 10))
    picked = pick_finalists(_SPACE, ranked, ranked[:4], 10)
    np.testing.assert_array_equal(picked, ranked[4:])
    assert len(pick_finalists(_SPACE, ranked, ranked, 10)) == 0


def test_finalists_are_dealt_out_over_rounds() -> None:
    def measure(arch: Arch) -> AccuracyCount:
        raise AssertionError(arch)

    assert FinalSettings(measure, 7, 3).finalists_by_round() == [3, 2, 2]
    assert FinalSettings(measure, 1, 3).finalists_by_round() == [1]


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [("num_finalists", 0, "at least 1"), ("num_rounds", 0, "at least 1"), ("min_confidence", 1.0, "at least 0.5 and")],
)
def test_settings_that_make_no_sense_are_refused(name: str, value: float, rule: str) -> None:
    with pytest.raises(InputError, match=f"Expected `{name}` to be {rule}.*Received: {name}={value}"):
        FinalSettings(lambda arch: AccuracyCount((1, 1), (2, 2)), **{name: value})


# --- who wins -------------------------------------------------------------------


def _table_with(table: AccuracyTable, row: int, num_correct: int) -> AccuracyTable:
    counts = table.num_correct.copy()
    counts[row] = num_correct
    return dataclasses.replace(table, num_correct=counts)


def test_a_lucky_arch_of_the_table_does_not_win() -> None:
    supernet = SimulatedSupernet(_SPACE, seed=4)
    table = supernet.table(100)
    constraint = _macs_below(_SPACE, 0.5)
    feasible = np.flatnonzero(constraint.measure(table.genes) <= constraint.limit)
    predicted = fit_predictor(table, "linear").predict(table.genes).mean
    worst = feasible[np.argmin(predicted[feasible])]
    luckiest = _table_with(table, worst, table.num_correct[feasible].max() + 2)
    assert luckiest.top1[worst] == luckiest.top1[feasible].max()
    final = _hold(luckiest, constraint)
    assert tuple(final.winner.genes) != tuple(_SPACE.canonical_genes(table.genes[worst]))


def test_an_arch_that_is_clearly_better_wins_and_none_outside_the_constraints() -> None:
    table = SimulatedSupernet(_SPACE, seed=4, num_images=200_000).table(100)
    constraint = _macs_below(_SPACE, 0.5)
    macs = constraint.measure(table.genes)
    within, outside = int(np.argmin(macs)), int(np.argmax(macs))
    table = _table_with(_table_with(table, within, 99_000), outside, 99_999)
    final = _hold(table, constraint)
    assert tuple(final.winner.genes) == tuple(_SPACE.canonical_genes(table.genes[within]))
    assert final.winner is final.finalists[0]
    assert all(finalist.cost <= constraint.limit for finalist in final.finalists)


def test_within_noise_the_cheaper_arch_wins() -> None:
    table = SimulatedSupernet(_SPACE, seed=4).table(100)
    constraint = _macs_below(_SPACE, 0.5)
    final = _hold(table, constraint, min_confidence=0.9)
    assert final.is_cheaper_than_best
    best = final.finalists[0]
    assert final.winner.cost < best.cost
    difference = best.estimated_top1 - final.winner.estimated_top1
    assert 0 < difference <= 1.2816 * np.hypot(best.estimated_std, final.winner.estimated_std)
    strict = _hold(table, constraint, min_confidence=0.5)
    assert strict.winner is strict.finalists[0]
    assert final.noise_of_difference == pytest.approx(1.645 * np.sqrt(2) * table.noise_std)


def test_what_the_search_found_is_told_from_what_was_known() -> None:
    table = SimulatedSupernet(_SPACE, seed=4).table(60)
    final = _hold(table, _macs_below(_SPACE, 1.0), num_found=20)
    found_rows = set(map(tuple, _SPACE.canonical_genes(table.genes[40:]).tolist()))
    for finalist in final.finalists:
        assert finalist.is_found == (tuple(finalist.genes.tolist()) in found_rows)


def test_estimates_above_1_are_told_as_1_and_still_decide_who_is_best() -> None:
    table = SimulatedSupernet(_SPACE, seed=4).table(60)
    everything = _macs_below(_SPACE, 1.0)
    optimistic = OptimisticPredictor.fit(table)
    final = hold_final(optimistic, 0, [everything], 0.6)
    for finalist in final.finalists:
        assert (finalist.predicted_top1, finalist.estimated_top1) == (1, 1)
    sober = _hold(table, everything)
    np.testing.assert_array_equal([row.genes for row in final.finalists], [row.genes for row in sober.finalists])
    np.testing.assert_array_equal(final.winner.genes, sober.winner.genes)


# --- the search as a whole; how good it is, see test_simulated_searches.py ---------


def _search(supernet: SimulatedSupernet, num_archs: int, constraint: Constraint, seed: int) -> SearchResult:
    return search_arch(
        _SPACE,
        fit_predictor(supernet.table(num_archs), "linear"),
        [constraint],
        seed=seed,
        settings=_BRIEF,
        final=FinalSettings(supernet.measure),
        report=supernet.measure,
    )


def test_the_same_seed_finds_the_same_arch() -> None:
    constraint = _macs_below(_SPACE, 0.5)
    first = _search(SimulatedSupernet(_SPACE, 0), 32, constraint, seed=1)
    second = _search(SimulatedSupernet(_SPACE, 0), 32, constraint, seed=1)
    assert first.arch == second.arch
    assert first.notes() == second.notes()


def test_a_micro_space_has_enough_finalists() -> None:
    supernet = SimulatedSupernet(MICRO, 0)
    found = search_arch(
        MICRO,
        fit_predictor(supernet.table(60), "linear"),
        [_macs_below(MICRO, 0.5)],
        settings=_BRIEF,
        final=FinalSettings(supernet.measure),
    )
    assert found.final is not None
    assert sum(finalist.is_found for finalist in found.final.finalists) >= 4
    assert found.reported is None
