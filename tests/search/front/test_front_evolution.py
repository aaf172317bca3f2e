import itertools

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.constraints import Constraint
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.front import evolve_front, front_evolution, hypervolume
from ofa_tf.search.front.front_evolution import Objective
from ofa_tf.space.costs import num_macs, num_params
from ofa_tf.space.presets import get_search_space
from tests.support.spaces import MICRO

_FAST = EvolutionSettings(population_size=60, num_generations=60)


def _minus_score(genes: np.ndarray) -> np.ndarray:
    """Every choice of a block that is there adds something, mostly the larger ones more."""
    weights = np.random.default_rng(8).normal(0.5, 1, genes.shape[1])
    return -(MICRO.canonical_genes(genes) @ weights) - 0.3 * MICRO.active_blocks(genes).sum(axis=1)


def _macs(genes: np.ndarray) -> np.ndarray:
    return num_macs(MICRO, genes, 10)


def _ram(genes: np.ndarray) -> np.ndarray:
    return num_params(MICRO, genes, 10)


def _all_genes() -> np.ndarray:
    choices = [range(count) for count in MICRO.gene_counts]
    genes = MICRO.canonical_genes(np.array(list(itertools.product(*choices)), np.int32))
    return np.unique(genes, axis=0)


def _exact_front(values: np.ndarray) -> np.ndarray:
    """Different points that no other one dominates, in ascending order of the last objective."""
    front = []
    for point in np.unique(values, axis=0):
        is_no_worse = (values <= point).all(axis=1)
        is_better = (values < point).any(axis=1)
        if not (is_no_worse & is_better).any():
            front.append(point)
    return np.array(sorted(front, key=lambda point: point[-1]))


@pytest.mark.parametrize("objectives", [(_minus_score, _macs), (_minus_score, _macs, _ram)], ids=["two", "three"])
@pytest.mark.parametrize("quantile", [0.3, 1.0])
def test_the_front_is_that_of_trying_all_archs(objectives: tuple[Objective, ...], quantile: float) -> None:
    everything = _all_genes()
    limit = float(np.quantile(_macs(everything), quantile))
    within = everything[_macs(everything) <= limit]
    expected = _exact_front(np.stack([objective(within) for objective in objectives], axis=1))
    assert len(expected) > 10

    constraint = Constraint("macs", limit, _macs)
    genes, values = evolve_front(MICRO, objectives, [constraint], np.random.default_rng(0), settings=_FAST)

    np.testing.assert_allclose(values[np.lexsort(values.T)], expected[np.lexsort(expected.T)])
    assert (np.diff(values[:, -1]) >= 0).all()
    for column, objective in zip(values.T, objectives, strict=True):
        np.testing.assert_allclose(column, objective(genes))


def test_all_archs_of_a_front_are_feasible_canonical_and_different() -> None:
    limit = float(np.quantile(_macs(_all_genes()), 0.2))
    constraint = Constraint("macs", limit, _macs)
    genes, _ = evolve_front(MICRO, [_minus_score, _ram], [constraint], np.random.default_rng(0), settings=_FAST)
    assert (_macs(genes) <= limit).all()
    np.testing.assert_array_equal(genes, MICRO.canonical_genes(genes))
    assert len(np.unique(genes, axis=0)) == len(genes) > 1


def test_the_same_seed_finds_the_same_front_and_another_one_another() -> None:
    space = get_search_space("mobilenet_v3_w1.0")
    settings = EvolutionSettings(population_size=30, num_generations=10)
    objectives = [lambda genes: -genes.sum(axis=1), lambda genes: num_macs(space, genes, 1000)]
    fronts = [evolve_front(space, objectives, [], np.random.default_rng(seed), settings=settings) for seed in (4, 4, 5)]
    np.testing.assert_array_equal(fronts[0][0], fronts[1][0])
    np.testing.assert_array_equal(fronts[0][1], fronts[1][1])
    assert fronts[0][1].tolist() != fronts[2][1].tolist()


def test_fronts_survive_in_their_order_and_of_the_last_one_those_with_most_room() -> None:
    # The front is the second arch. The others are one front, on a line: at 1, 2, 3, 7 and 11, so that all but its ends
    # have 2, 5 and 8 between their neighbours.
    values = np.array([[1.0, 11.0], [0.0, 0.0], [7.0, 5.0], [2.0, 10.0], [3.0, 9.0], [11.0, 1.0]])
    genes = MICRO.sample_genes(np.random.default_rng(0), 6)
    repeated = [0, 1, 2, 3, 4, 5, 1]
    population = front_evolution.Candidates(genes[repeated], values[repeated])

    survivors = front_evolution._select(population, 5)

    np.testing.assert_array_equal(survivors.genes, genes[[1, 0, 5, 2, 4]])
    np.testing.assert_array_equal(survivors.values, values[[1, 0, 5, 2, 4]])


def test_the_first_of_two_survivors_wins_a_tournament() -> None:
    genes = np.arange(10)[:, np.newaxis]
    survivors = front_evolution.Candidates(genes, np.zeros((10, 2)))
    parents = front_evolution._draw_parents(survivors, np.random.default_rng(0), 10_000)
    # Place i wins against itself and, as either of the two, against each of the 9 - i places behind it.
    expected = (1 + 2 * (9 - np.arange(10))) / 100
    np.testing.assert_allclose(np.bincount(parents[:, 0]) / 10_000, expected, atol=0.02)


def test_a_long_archive_is_thinned_out_where_it_is_crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    whole, values = evolve_front(MICRO, [_minus_score, _macs], [], rng, settings=_FAST)
    monkeypatch.setattr(front_evolution, "_MAX_ARCHS_IN_ARCHIVE", 8)
    rng = np.random.default_rng(0)
    thinned, thinned_values = evolve_front(MICRO, [_minus_score, _macs], [], rng, settings=_FAST)
    assert len(thinned) == 8 < len(whole)
    np.testing.assert_allclose(thinned_values[[0, -1]], values[[0, -1]])  # the ends stay
    worst = values.max(axis=0)
    assert hypervolume(thinned_values, worst) > 0.8 * hypervolume(values, worst)


def test_progress_is_reported_each_generation() -> None:
    seen: list[tuple[int, int]] = []
    evolve_front(
        MICRO,
        [_minus_score, _macs],
        [],
        np.random.default_rng(0),
        settings=EvolutionSettings(population_size=10, num_generations=3),
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("objectives", "limit", "message"),
    [
        ([_macs], 1e9, r"Expected at least 2 objectives\. Received: 1\."),
        ([_macs, lambda genes: _macs(genes) * np.nan], 1e9, r"finite numbers\. Received: nan by objective 1"),
        ([_macs, _ram], 5, r"Expected the limit of macs \(--max_macs\) to be at least \d+"),
    ],
)
def test_what_has_no_front_is_refused(objectives: list[Objective], limit: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        evolve_front(MICRO, objectives, [Constraint("macs", limit, _macs)], np.random.default_rng(0), settings=_FAST)
