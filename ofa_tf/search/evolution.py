"""Evolutionary search for the most accurate archs within constraints.

An evolution improves a *population*, a set of archs with their scores, generation by generation. It is made of three
pieces, of which each can be read and replaced alone:

    Sampler      makes the first population: random archs, none outside the constraints.
    Survival     keeps the best archs of a population; the best of these are the parents of the next generation.
    Variation    makes children of parents: some by mutation (a few choices of one parent are drawn anew), the others
                 by crossover (each choice comes from one of two parents).

One generation is Survival, Variation, and the children joining the population with their scores. Parents stay in the
population until better archs push them out, so the best arch is never lost.

All archs are rows of genes. Those that Sampler and Variation return meet the constraints, and are canonical: choices of
skipped blocks are 0, so that Survival sees equal networks as equal. Only these two use randomness.

Reference: Once-for-All, section 3.4 and its released search code.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.base.linear_algebra_threads import one_thread_of_linear_algebra
from ofa_tf.search.constraints import Constraint, check_feasible, is_feasible
from ofa_tf.search.distinct_rows import find_distinct
from ofa_tf.space.search_space import SearchSpace

# After so many rounds of drawing, a population goes on with fewer archs than it might have.
_MAX_ROUNDS_OF_DRAWING = 20
_DRAWN_PER_SAMPLED = 10
_DRAWN_PER_CHILD = 2
_MIN_PARENTS = 2


@dataclasses.dataclass(frozen=True)
class EvolutionSettings:
    """How long and how boldly to search; the defaults are the paper's.

    Args:
        population_size: Archs kept in each generation.
        num_generations: Rounds of selection and variation.
        parent_fraction: Share of the population that has children.
        mutation_fraction: Share of the children made by mutation; the others
            are made by crossover.
        mutation_probability: Chance of each gene to be redrawn in a mutation.
        image_size_probability: The same for the image size.

    Raises:
        InputError: If a size is below 2, or a share or chance not in [0, 1].

    Reference: Once-for-All, section 3.4 and its released search code.
    """

    population_size: int = 100
    num_generations: int = 500
    parent_fraction: float = 0.25
    mutation_fraction: float = 0.5
    mutation_probability: float = 0.1
    image_size_probability: float = 0.5

    def __post_init__(self) -> None:
        for name in ("population_size", "num_generations"):
            value = getattr(self, name)
            if value < 2:
                raise InputError(f"Expected `{name}` to be at least 2. Received: {name}={value}.")
        for name in ("parent_fraction", "mutation_fraction", "mutation_probability", "image_size_probability"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise InputError(f"Expected `{name}` to be in [0, 1]. Received: {name}={value}.")

    @property
    def num_parents(self) -> int:
        """How many archs of a population have children."""
        return max(_MIN_PARENTS, round(self.parent_fraction * self.population_size))

    @property
    def num_mutations(self) -> int:
        """How many of the children of a generation are made by mutation."""
        return round(self.mutation_fraction * self.population_size)

    @property
    def num_crossovers(self) -> int:
        """How many of the children of a generation are made by crossover."""
        return self.population_size - self.num_mutations


@dataclasses.dataclass(frozen=True)
class Population:
    """Archs and their scores.

    Args:
        genes: int32 `(n, num_genes)`.
        scores: `(n,)`; higher is better.
    """

    genes: np.ndarray
    scores: np.ndarray

    def joined_by(self, others: "Population") -> "Population":
        """This population and another one."""
        return Population(
            np.concatenate([self.genes, others.genes]),
            np.concatenate([self.scores, others.scores]),
        )


class Sampler:
    """Draws random archs within constraints.

    Args:
        space: Search space.
        constraints: Upper limits, which the smallest subnet must meet.
        rng: Source of randomness.
    """

    def __init__(self, space: SearchSpace, constraints: Sequence[Constraint], rng: np.random.Generator) -> None:
        self._space = space
        self._constraints = constraints
        self._rng = rng

    def sample(self, count: int) -> np.ndarray:
        """Genes of different archs, `(n, num_genes)`; the smallest subnet is the first.

        Args:
            count: How many to aim at. There may be more, or fewer where few archs
                meet the constraints.
        """
        space = self._space
        smallest = space.canonical_genes(space.encode(space.smallest()))[np.newaxis]
        copies = np.repeat(smallest, _DRAWN_PER_SAMPLED * count, axis=0)

        # With probability 1, a mutation draws any arch, whatever it starts from. Where archs within the constraints
        # are rare, they are those close to the smallest one, so mutations become milder from round to round.
        found = [smallest]
        num_found = 1
        for probability in np.geomspace(1.0, 1 / space.num_genes, _MAX_ROUNDS_OF_DRAWING):
            drawn = space.mutate(self._rng, copies, probability, probability)
            feasible = drawn[is_feasible(self._constraints, drawn)]
            found.append(space.canonical_genes(feasible))
            num_found += len(feasible)
            if num_found > count:
                break
        everything = np.concatenate(found)
        return everything[find_distinct(everything)]


class Survival:
    """Keeps the best archs of a population.

    Args:
        population_size: How many at most.
    """

    def __init__(self, population_size: int) -> None:
        self._population_size = population_size

    def select(self, population: Population) -> Population:
        """The best archs, each once, best first; among equals, in the order of the population."""
        first = find_distinct(population.genes)
        ranking = np.argsort(-population.scores[first], kind="stable")
        kept = first[ranking][: self._population_size]
        return Population(population.genes[kept], population.scores[kept])


class Variation:
    """Makes children of parents, by mutation and by crossover.

    Args:
        space: Search space.
        constraints: Upper limits that children must meet.
        rng: Source of randomness.
        settings: How many children of either kind, and how likely a gene changes.
    """

    def __init__(
        self,
        space: SearchSpace,
        constraints: Sequence[Constraint],
        rng: np.random.Generator,
        settings: EvolutionSettings,
    ) -> None:
        self._space = space
        self._constraints = constraints
        self._rng = rng
        self._settings = settings

    def make_children(self, parents: np.ndarray) -> np.ndarray:
        """Genes of children, `(n, num_genes)`, of parents `(m, num_genes)`; n is at most the population size."""
        mutants = self._draw_feasible(self._mutate, parents, self._settings.num_mutations)
        crossed = self._draw_feasible(self._cross, parents, self._settings.num_crossovers)
        return np.concatenate([mutants, crossed])

    def _mutate(self, parents: np.ndarray, count: int) -> np.ndarray:
        chosen = self._rng.integers(len(parents), size=count)
        return self._space.mutate(
            self._rng,
            parents[chosen],
            self._settings.mutation_probability,
            self._settings.image_size_probability,
        )

    def _cross(self, parents: np.ndarray, count: int) -> np.ndarray:
        first, second = self._rng.integers(len(parents), size=(2, count))
        return self._space.crossover(self._rng, parents[first], parents[second])

    def _draw_feasible(
        self,
        draw: Callable[[np.ndarray, int], np.ndarray],
        parents: np.ndarray,
        count: int,
    ) -> np.ndarray:
        """Draw children until so many meet the constraints, or it takes too long."""
        found = np.zeros((0, self._space.num_genes), np.int32)
        for _ in range(_MAX_ROUNDS_OF_DRAWING):
            num_missing = count - len(found)
            if num_missing <= 0:
                break
            drawn = draw(parents, _DRAWN_PER_CHILD * num_missing)
            feasible = drawn[is_feasible(self._constraints, drawn)]
            found = np.concatenate([found, self._space.canonical_genes(feasible)])
        return found[:count]


@one_thread_of_linear_algebra()
def evolve(
    space: SearchSpace,
    score: Callable[[np.ndarray], np.ndarray],
    constraints: Sequence[Constraint],
    rng: np.random.Generator,
    *,
    settings: EvolutionSettings | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Search for the archs with the highest score that meet all constraints.

    Args:
        space: Search space.
        score: Genes `(n, num_genes)` -> scores `(n,)`, such as predicted
            accuracies.
        constraints: Upper limits.
        rng: Source of randomness.
        settings: Size and length of the search.
        on_progress: Called with generations done and their number.

    Returns:
        The last population, best first: canonical genes `(m, num_genes)`, all
        different and feasible, and their scores `(m,)`; m is at most the
        population size.

    Raises:
        InputError: If not even the smallest subnet meets the constraints.
    """
    check_feasible(space, constraints)
    settings = settings or EvolutionSettings()
    sampler = Sampler(space, constraints, rng)
    survival = Survival(settings.population_size)
    variation = Variation(space, constraints, rng, settings)

    def scored(genes: np.ndarray) -> Population:
        return Population(genes, score(genes))

    population = scored(sampler.sample(settings.population_size))
    for generation in range(settings.num_generations):
        population = survival.select(population)
        parents = population.genes[: settings.num_parents]
        children = scored(variation.make_children(parents))
        population = population.joined_by(children)
        if on_progress is not None:
            on_progress(generation + 1, settings.num_generations)

    best = survival.select(population)
    return best.genes, best.scores
