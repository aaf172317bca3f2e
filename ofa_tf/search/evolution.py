"""Evolutionary search for the most accurate archs within constraints."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.search.constraints import Constraint, check_feasible, is_feasible
from ofa_tf.space.search_space import SearchSpace

_MAX_DRAWS = 20  # rounds of drawing before a generation goes on with fewer children


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


def evolve(
    space: SearchSpace,
    score: Callable[[np.ndarray], np.ndarray],
    constraints: Sequence[Constraint],
    rng: np.random.Generator,
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
    settings = settings or EvolutionSettings()
    check_feasible(space, constraints)
    population = _first_population(space, constraints, rng, settings.population_size)
    scores = score(population)
    num_parents = max(2, round(settings.parent_fraction * settings.population_size))
    for generation in range(settings.num_generations):
        population, scores = _best(population, scores, settings.population_size)
        parents = population[:num_parents]
        children = _make_children(space, parents, constraints, rng, settings)
        population = np.concatenate([population, children])
        scores = np.concatenate([scores, score(children)])
        if on_progress is not None:
            on_progress(generation + 1, settings.num_generations)
    return _best(population, scores, settings.population_size)


def _first_population(
    space: SearchSpace, constraints: Sequence[Constraint], rng: np.random.Generator, size: int
) -> np.ndarray:
    """Random feasible archs; where those are rare, ever milder mutations of the smallest one."""
    smallest = space.canonical_genes(space.encode(space.smallest()))[None]
    found = [smallest]
    for probability in np.geomspace(1.0, 1 / space.num_genes, _MAX_DRAWS):
        drawn = space.mutate(rng, np.repeat(smallest, 10 * size, axis=0), probability, probability)
        found.append(space.canonical_genes(drawn[is_feasible(constraints, drawn)]))
        if sum(map(len, found)) > size:
            break
    return _unique(np.concatenate(found))


def _make_children(
    space: SearchSpace,
    parents: np.ndarray,
    constraints: Sequence[Constraint],
    rng: np.random.Generator,
    settings: EvolutionSettings,
) -> np.ndarray:
    num_mutations = round(settings.mutation_fraction * settings.population_size)

    def mutate(count: int) -> np.ndarray:
        chosen = parents[rng.integers(len(parents), size=count)]
        return space.mutate(rng, chosen, settings.mutation_probability, settings.image_size_probability)

    def cross(count: int) -> np.ndarray:
        first, second = rng.integers(len(parents), size=(2, count))
        return space.crossover(rng, parents[first], parents[second])

    made = [
        _draw_feasible(space, mutate, num_mutations, constraints),
        _draw_feasible(space, cross, settings.population_size - num_mutations, constraints),
    ]
    return np.concatenate(made)


def _draw_feasible(
    space: SearchSpace, draw: Callable[[int], np.ndarray], count: int, constraints: Sequence[Constraint]
) -> np.ndarray:
    found = np.zeros((0, space.num_genes), np.int32)
    for _ in range(_MAX_DRAWS):
        if len(found) >= count:
            break
        genes = draw(max(1, 2 * (count - len(found))))
        genes = genes[is_feasible(constraints, genes)]
        found = np.concatenate([found, space.canonical_genes(genes)])
    return found[:count]


def _unique(genes: np.ndarray) -> np.ndarray:
    _, first = np.unique(genes, axis=0, return_index=True)
    return genes[np.sort(first)]


def _best(genes: np.ndarray, scores: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    _, first = np.unique(genes, axis=0, return_index=True)
    order = first[np.argsort(-scores[first], kind="stable")][:count]
    return genes[order], scores[order]
