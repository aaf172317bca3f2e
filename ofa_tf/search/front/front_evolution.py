"""Evolutionary search for a front: NSGA-II.

It is the evolution of `evolution.py` but for what survives, as there is no single score. Of a population the fronts
survive one after the other, and of the last one that has room, the points that stand in the least crowded places.
Parents are winners of tournaments between two, by the same order.

A population is too small for a long front, so that good archs get lost on the way. An *archive* therefore keeps the
front of everything that was ever seen.

Reference: Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.base.linear_algebra_threads import one_thread_of_linear_algebra
from ofa_tf.search.constraints import Constraint, check_feasible
from ofa_tf.search.distinct_rows import find_distinct
from ofa_tf.search.evolution import EvolutionSettings, Sampler, Variation
from ofa_tf.search.front.dominance import crowding_distances, find_front, rank_by_dominance
from ofa_tf.space.search_space import SearchSpace

Objective = Callable[[np.ndarray], np.ndarray]  # genes `(n, num_genes)` -> values `(n,)`, smaller is better

_MIN_OBJECTIVES = 2
# Three objectives easily have fronts of tens of thousands of archs.
_MAX_ARCHS_IN_ARCHIVE = 1000


@dataclasses.dataclass(frozen=True)
class Candidates:
    """Archs and what the objectives say of them.

    Args:
        genes: Canonical, int32 `(n, num_genes)`.
        values: `(n, num_objectives)`; smaller is better.
    """

    genes: np.ndarray
    values: np.ndarray

    def joined_by(self, others: "Candidates") -> "Candidates":
        """These candidates and others."""
        return Candidates(
            np.concatenate([self.genes, others.genes]),
            np.concatenate([self.values, others.values]),
        )

    def take(self, indices: np.ndarray) -> "Candidates":
        """Those at some indices, in their order."""
        return Candidates(self.genes[indices], self.values[indices])


@one_thread_of_linear_algebra()
def evolve_front(
    space: SearchSpace,
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    rng: np.random.Generator,
    *,
    settings: EvolutionSettings | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    prepare: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Search for the front of several objectives within constraints.

    Args:
        space: Search space.
        objectives: Two or more functions, genes `(n, num_genes)` -> values `(n,)`;
            smaller is better.
        constraints: Upper limits.
        rng: Source of randomness.
        settings: Size and length of the search. Its `parent_fraction` plays no part.
        on_progress: Called with generations done and their number.
        prepare: What becomes of genes `(n, num_genes)` that were drawn: canonical genes that meet the constraints
            as they did, such as those of archs with some choices fixed. By default nothing.

    Returns:
        The front of all archs that were tried, in ascending order of the last
        objective: canonical genes `(m, num_genes)`, all different and feasible, and
        their values `(m, num_objectives)`. Of archs with equal values there is one; of
        more than 1,000, those in the least crowded places.

    Raises:
        InputError: If there are fewer than two objectives, one gives something other
            than finite numbers, or not even the smallest subnet meets the constraints.
    """
    if len(objectives) < _MIN_OBJECTIVES:
        raise InputError(
            f"Expected at least {_MIN_OBJECTIVES} objectives. Received: {len(objectives)}. "
            "A search for a single one has no front; `evolve` finds its best arch."
        )
    check_feasible(space, constraints)
    settings = settings or EvolutionSettings()
    variation = Variation(space, constraints, rng, settings)

    prepare = prepare or _as_they_are
    sampled = Sampler(space, constraints, rng).sample(settings.population_size)
    population = _judge(prepare(sampled), objectives)
    archive = _select_archive(population)
    for generation in range(settings.num_generations):
        population = _select(population, settings.population_size)
        parents = _draw_parents(population, rng, settings.population_size)
        children = _judge(prepare(variation.make_children(parents)), objectives)
        population = population.joined_by(children)
        archive = _select_archive(archive.joined_by(children))
        if on_progress is not None:
            on_progress(generation + 1, settings.num_generations)

    order = np.argsort(archive.values[:, -1], kind="stable")
    front = archive.take(order)
    return front.genes, front.values


def _as_they_are(genes: np.ndarray) -> np.ndarray:
    return genes


def _judge(genes: np.ndarray, objectives: Sequence[Objective]) -> Candidates:
    """Genes with the values of all objectives."""
    values = np.empty((len(genes), len(objectives)))
    for number, objective in enumerate(objectives):
        values[:, number] = objective(genes)
    if not np.isfinite(values).all():
        row, number = np.argwhere(~np.isfinite(values))[0]
        raise InputError(
            f"Expected objectives to give finite numbers. Received: {values[row, number]} by objective {number}, "
            f"for the genes {genes[row].tolist()}."
        )
    return Candidates(genes, values)


def _select(population: Candidates, count: int) -> Candidates:
    """The survivors, each once, best first: by rank, and within a rank by the room that they have."""
    distinct = population.take(find_distinct(population.genes))
    ranks = rank_by_dominance(distinct.values)
    distances = crowding_distances(distinct.values, ranks)
    order = np.lexsort((-distances, ranks))
    return distinct.take(order[:count])


def _draw_parents(survivors: Candidates, rng: np.random.Generator, count: int) -> np.ndarray:
    """Genes of the winners of tournaments between two survivors, which are sorted: the first of both wins."""
    pairs = rng.integers(len(survivors.genes), size=(2, count))
    winners = pairs.min(axis=0)
    return survivors.genes[winners]


def _select_archive(candidates: Candidates) -> Candidates:
    """The front of some candidates, thinned out where it has too many."""
    front = candidates.take(find_front(candidates.values))

    # The values of an arch may differ in the last bit when it comes again, as those of matrix products do.
    front = front.take(find_distinct(front.genes))
    num_archs = len(front.genes)
    if num_archs <= _MAX_ARCHS_IN_ARCHIVE:
        return front
    distances = crowding_distances(front.values, np.zeros(num_archs, np.intp))
    roomiest = np.argsort(-distances, kind="stable")[:_MAX_ARCHS_IN_ARCHIVE]
    return front.take(np.sort(roomiest))
