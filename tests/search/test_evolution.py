import itertools

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.constraints import Constraint, is_feasible
from ofa_tf.search.evolution import EvolutionSettings, Population, Sampler, Survival, evolve
from ofa_tf.space.costs import num_macs
from ofa_tf.space.presets import get_search_space
from tests.support.spaces import MICRO

_FAST = EvolutionSettings(population_size=40, num_generations=40)


def _macs(limit: float) -> Constraint:
    return Constraint("macs", limit, lambda genes: num_macs(MICRO, genes, 10))


def _all_genes() -> np.ndarray:
    choices = [range(count) for count in MICRO.gene_counts]
    genes = MICRO.canonical_genes(np.array(list(itertools.product(*choices)), np.int32))
    return np.unique(genes, axis=0)


def _score(genes: np.ndarray) -> np.ndarray:
    weights = np.random.default_rng(8).normal(size=genes.shape[1])
    return MICRO.canonical_genes(genes) @ weights + 0.3 * MICRO.active_blocks(genes).sum(axis=1)


def test_evolution_finds_the_optimum_that_trying_all_archs_finds() -> None:
    everything = _all_genes()
    macs = num_macs(MICRO, everything, 10)
    constraint = _macs(float(np.median(macs)))
    feasible = everything[is_feasible([constraint], everything)]
    best = _score(feasible).max()
    _, scores = evolve(MICRO, _score, [constraint], np.random.default_rng(0), settings=_FAST)
    assert scores[0] == pytest.approx(best)


@pytest.mark.parametrize("quantile", [0.0, 0.01, 0.5, 1.0])
def test_all_found_archs_meet_the_constraints_are_different_and_sorted(quantile: float) -> None:
    limit = float(np.quantile(num_macs(MICRO, _all_genes(), 10), quantile))
    genes, scores = evolve(MICRO, _score, [_macs(limit)], np.random.default_rng(1), settings=_FAST)
    assert (num_macs(MICRO, genes, 10) <= limit).all()
    assert len(np.unique(genes, axis=0)) == len(genes)
    np.testing.assert_array_equal(genes, MICRO.canonical_genes(genes))
    np.testing.assert_array_equal(scores, np.sort(_score(genes))[::-1])


def test_a_tight_budget_in_the_full_space_is_still_searched() -> None:
    space = get_search_space("mobilenet_v3_w1.0")
    smallest = int(num_macs(space, space.smallest(), 1000))
    constraint = Constraint("macs", 1.05 * smallest, lambda genes: num_macs(space, genes, 1000))
    genes, _ = evolve(space, lambda g: g.sum(axis=1), [constraint], np.random.default_rng(0), settings=_FAST)
    assert len(genes) > 1


def test_a_budget_below_the_smallest_subnet_says_the_smallest_possible() -> None:
    smallest = int(num_macs(MICRO, MICRO.smallest(), 10))
    message = rf"of macs \(--max_macs\) to be at least {smallest}, .* smallest subnet of micro. Received: 5\."
    with pytest.raises(InputError, match=message):
        evolve(MICRO, _score, [_macs(5)], np.random.default_rng(0), settings=_FAST)


@pytest.mark.parametrize("factor", [1.234567e-6, 1.234567e-3, 12.34567])
def test_the_smallest_possible_budget_that_the_error_names_is_accepted(factor: float) -> None:
    constraint = Constraint("latency_ms", 0.01, lambda genes: num_macs(MICRO, genes, 10) * factor)
    message = (
        r"Expected the limit of latency_ms \(--max_latency_ms\) to be at least ([\d.]+), that of.* Received: 0.01\."
    )
    with pytest.raises(InputError, match=message) as caught:
        evolve(MICRO, _score, [constraint], np.random.default_rng(0), settings=_FAST)
    limit = float(str(caught.value).split("at least ")[1].split(",")[0])
    accepted = Constraint("latency_ms", limit, constraint.measure)
    genes, _ = evolve(MICRO, _score, [accepted], np.random.default_rng(0), settings=_FAST)
    assert len(genes) >= 1


def test_a_nan_budget_is_refused() -> None:
    with pytest.raises(InputError, match="Received: nan"):
        evolve(MICRO, _score, [_macs(float("nan"))], np.random.default_rng(0), settings=_FAST)


def test_survival_keeps_the_best_archs_once_each() -> None:
    genes = MICRO.sample_genes(np.random.default_rng(5), 4)
    population = Population(genes[[0, 1, 2, 1, 3]], np.array([0.1, 0.4, 0.3, 0.4, 0.2]))
    best = Survival(3).select(population)
    np.testing.assert_array_equal(best.genes, genes[[1, 2, 3]])
    np.testing.assert_array_equal(best.scores, [0.4, 0.3, 0.2])


def test_a_first_population_begins_with_the_smallest_subnet_and_draws_the_others_from_everywhere() -> None:
    genes = Sampler(MICRO, [], np.random.default_rng(0)).sample(100)
    np.testing.assert_array_equal(genes[0], MICRO.encode(MICRO.smallest()))
    assert len(genes) > 100
    assert len(np.unique(genes, axis=0)) == len(genes)
    np.testing.assert_array_equal(genes.max(axis=0), MICRO.gene_counts - 1)


def test_the_same_seed_finds_the_same_archs() -> None:
    first, second = (evolve(MICRO, _score, [_macs(1e9)], np.random.default_rng(4), settings=_FAST)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_progress_is_reported_each_generation() -> None:
    seen: list[tuple[int, int]] = []
    settings = EvolutionSettings(population_size=10, num_generations=3)
    evolve(
        MICRO,
        _score,
        [],
        np.random.default_rng(0),
        settings=settings,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("name", "value"), [("population_size", 1), ("num_generations", 0), ("mutation_probability", 1.5)]
)
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"Expected `{name}` to be .*Received: {name}={value}"):
        EvolutionSettings(**{name: value})
