"""The search for a family: subnets for several budgets whose widths are the same, so that one file holds them cheaply.

A family is its widths and, for each member, what else there is to choose. For given widths, NSGA-II finds the front of
predicted accuracies against a cost among the archs that have them, and `pick_members` those of it that serve all
budgets best; where their file is too large, the costliest are left out. Widths are improved by an evolution around
that: they are drawn from the front of all archs, which knows nothing of sharing, and the best of them are mutated.

The members of the best family are measured, the predictor is fitted again, and the search goes on until the best family
is one whose members are all measured.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.constraints import Constraint, is_exactly_feasible
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.family.measured_family import Family
from ofa_tf.search.family.members import pick_members
from ofa_tf.search.family.widths import Widths, width_genes
from ofa_tf.search.front.dominance import find_front, hypervolume
from ofa_tf.search.front.front_evolution import Objective, evolve_front
from ofa_tf.search.front.measured_front import FrontPoint
from ofa_tf.search.leaders import CountedMeasurements
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace

# Of a front with more points, so many are candidates for members, evenly spread.
_MAX_CANDIDATES = 60
_MUTATION_PROBABILITY = 0.15


@dataclasses.dataclass(frozen=True)
class FamilySettings:
    """What family is searched, and how long.

    Args:
        num_members: Subnets of the family.
        max_file_bytes: Largest size of the file of all; `None` for no limit.
        num_measurements: Subnets that are measured at most.
        num_widths: Widths that the search begins with.
        num_generations: How often the best of them are mutated.
        num_parents: How many are the best.
        evolution: Size and length of the search of a front for given widths.
        seed: Decides every random choice.

    Raises:
        InputError: If there are fewer than two members, or fewer measurements than members, or a number is too small.
    """

    num_members: int = 3
    max_file_bytes: float | None = None
    num_measurements: int = 24
    num_widths: int = 16
    num_generations: int = 3
    num_parents: int = 6
    evolution: EvolutionSettings = dataclasses.field(
        default_factory=lambda: EvolutionSettings(population_size=60, num_generations=60)
    )
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_members < 2:
            raise InputError(
                f"Expected a family of at least 2 members. Received: num_members={self.num_members}. "
                "A single subnet is what a search within limits finds."
            )
        if self.num_measurements < self.num_members:
            raise InputError(
                f"Expected `num_measurements` to be at least {self.num_members}, one for each member. "
                f"Received: num_measurements={self.num_measurements}."
            )
        for name in ("num_widths", "num_parents"):
            number = getattr(self, name)
            if number < 1:
                raise InputError(f"Expected `{name}` to be at least 1. Received: {name}={number}.")


@dataclasses.dataclass(frozen=True)
class _Candidate:
    """Widths with their best family.

    Args:
        widths: The widths.
        genes: Canonical, of the members from the cheapest to the costliest, `(m, num_genes)`.
        score: Hypervolume of the members, by what is known of them.
    """

    widths: Widths
    genes: np.ndarray
    score: float


class FamilySearch:
    """A search for a family.

    Args:
        space: Search space.
        predictor: Fitted to the accuracy table.
        cost_name: Name of the cost that budgets are of.
        cost: Genes `(n, num_genes)` -> values `(n,)`, above 0, smaller is better.
        file_bytes: Size of the file of some archs.
        constraints: Upper limits for each member.
        settings: Which family, and how long to search.

    Raises:
        InputError: If no family can keep the limit of the file's size.
    """

    def __init__(
        self,
        space: SearchSpace,
        predictor: FittedPredictor,
        cost_name: str,
        cost: Objective,
        file_bytes: Callable[[Sequence[Arch]], int],
        constraints: Sequence[Constraint] = (),
        settings: FamilySettings | None = None,
    ) -> None:
        self._space = space
        self._predictor = predictor
        self._cost_name = cost_name
        self._cost = cost
        self._file_bytes = file_bytes
        self._constraints = constraints
        self._settings = settings or FamilySettings()
        self._num_known = len(predictor.table.genes)
        largest = space.encode([space.largest()])
        self._reference = np.array([-predictor.table.top1.min(), math.log(float(cost(largest)[0]))])

    def run(
        self,
        measure: Callable[[Arch], AccuracyCount],
        report: Callable[[Arch], AccuracyCount] | None = None,
        on_measured: Callable[[int, int], None] | None = None,
    ) -> Family:
        """Search.

        Args:
            measure: Measures an arch on the images of the accuracy table.
            report: Measures the members on images that no choice depends on.
            on_measured: Called with the number of archs measured and the most there will be.

        Raises:
            InputError: If not even the smallest subnet meets the constraints, or no family that was found keeps the
                limit of the file's size.
        """
        settings = self._settings
        counted = CountedMeasurements(measure, settings.num_measurements, on_measured)
        rng = np.random.default_rng(settings.seed)
        candidates = self._evolve_widths(rng)
        complete: list[_Candidate] = []  # whose members are all measured
        while True:
            best = max(candidates, key=_score)
            unknown = self._leave_out_measured(best.genes)
            if len(unknown) == 0:
                return self._family(best.genes, counted, report)
            if len(unknown) > counted.left:
                break
            self._measure(unknown, counted)
            complete.append(best)
            # What was measured changes what is predicted of all others.
            candidates = self._judge([candidate.widths for candidate in candidates], rng)
        scores = [self._hypervolume(candidate.genes) for candidate in complete]
        return self._family(complete[int(np.argmax(scores))].genes, counted, report)

    # --- widths ----------------------------------------------------------

    def _evolve_widths(self, rng: np.random.Generator) -> list[_Candidate]:
        """The best widths with their families.

        Raises:
            InputError: If none has a family within the limits.
        """
        settings = self._settings
        candidates = self._judge(self._first_widths(rng), rng)
        for _ in range(settings.num_generations):
            children = [candidate.widths.mutated(rng, _MUTATION_PROBABILITY) for candidate in candidates]
            candidates = self._best([*candidates, *self._judge(children, rng)])
        if not candidates:
            raise InputError(
                f"Expected a family of {settings.num_members} subnets in a file of at most "
                f"{settings.max_file_bytes:,.0f} bytes. Received: none of those that the search tried fits. Allow more "
                "(--max_family_bytes), or fewer members (--family)."
            )
        return candidates

    def _first_widths(self, rng: np.random.Generator) -> list[Widths]:
        """Widths from all along the front of all archs, and those with the same choice everywhere."""
        space = self._space
        genes = self._find_front(lambda genes: genes, rng)
        num_rows = min(self._settings.num_widths, len(genes))
        rows = np.linspace(0, len(genes) - 1, num_rows).round().astype(int)
        widths = [Widths.of_front(space, genes, row) for row in rows]
        num_choices = int(space.gene_counts[width_genes(space)].max())
        widths += [Widths.uniform(space, choice) for choice in range(num_choices)]
        distinct = {tuple(each.choices.tolist()): each for each in widths}
        return list(distinct.values())

    def _judge(self, widths: Sequence[Widths], rng: np.random.Generator) -> list[_Candidate]:
        """The best of some widths, with their families; those without one are left out."""
        candidates = []
        for each in widths:
            genes = self._find_members(each, rng)
            if genes is not None:
                candidates.append(_Candidate(each, genes, self._hypervolume(genes)))
        return self._best(candidates)

    def _best(self, candidates: Sequence[_Candidate]) -> list[_Candidate]:
        return sorted(candidates, key=_score, reverse=True)[: self._settings.num_parents]

    # --- members ---------------------------------------------------------

    def _find_members(self, widths: Widths, rng: np.random.Generator) -> np.ndarray | None:
        """Genes of the best family of some widths; `None` if none is within the limits."""
        smallest = widths.of(self._space.encode([self._space.smallest()]))
        if not is_exactly_feasible(self._constraints, smallest)[0]:
            return None
        genes = self._find_front(widths.of, rng)
        if len(genes) < self._settings.num_members:
            return None
        num_rows = min(_MAX_CANDIDATES, len(genes))
        rows = np.unique(np.linspace(0, len(genes) - 1, num_rows).round().astype(int))
        return self._pick_within_limit(genes[rows])

    def _pick_within_limit(self, genes: np.ndarray) -> np.ndarray | None:
        """The best members of a front whose file is not too large; `None` if all are.

        The costliest archs are left out until it is: by bisection, as if files became smaller with each.
        """
        num_members = self._settings.num_members
        values = self._values(genes)

        def pick(num_candidates: int) -> np.ndarray:
            return genes[pick_members(values[:num_candidates], self._reference, num_members)]

        if self._fits(pick(len(genes))):
            return pick(len(genes))
        fits, is_too_many = num_members - 1, len(genes)
        while is_too_many - fits > 1:
            middle = (fits + is_too_many) // 2
            if self._fits(pick(middle)):
                fits = middle
            else:
                is_too_many = middle
        if fits < num_members:
            return None
        return pick(fits)

    def _fits(self, genes: np.ndarray) -> bool:
        limit = self._settings.max_file_bytes
        return limit is None or self._file_bytes(self._space.decode(genes)) <= limit

    def _find_front(self, shared: Callable[[np.ndarray], np.ndarray], rng: np.random.Generator) -> np.ndarray:
        """The predicted front of what `shared` makes of genes: canonical genes, from the cheapest to the costliest."""

        def predicted_loss(genes: np.ndarray) -> np.ndarray:
            return -self._predictor.predict(shared(genes)).mean

        def cost(genes: np.ndarray) -> np.ndarray:
            return self._cost(shared(genes))

        found, _ = evolve_front(
            self._space,
            [predicted_loss, cost],
            [_with_genes(constraint, shared) for constraint in self._constraints],
            rng,
            settings=self._settings.evolution,
        )
        genes = shared(found)
        genes = genes[is_exactly_feasible(self._constraints, genes)]
        genes = self._space.canonical_genes(genes)
        values = self._values(genes)
        return genes[find_front(values)[np.argsort(values[find_front(values), 1], kind="stable")]]

    # --- what is known ---------------------------------------------------

    def _values(self, genes: np.ndarray) -> np.ndarray:
        """Both objectives of archs, to be minimised, `(n, 2)`: the loss, as far as it is known, and the log cost."""
        losses = -self._predictor.predict(genes).mean
        estimate = self._predictor.estimate_table().mean
        for place, row in enumerate(self._rows(genes)):
            if row is not None:
                losses[place] = -estimate[row]
        return np.column_stack([losses, np.log(np.asarray(self._cost(genes), float))])

    def _hypervolume(self, genes: np.ndarray) -> float:
        return hypervolume(self._values(genes), self._reference)

    def _rows(self, genes: np.ndarray) -> list[int | None]:
        """Where archs stand in the predictor's table; `None` for those that do not."""
        table_genes = self._space.canonical_genes(self._predictor.table.genes)
        places = {tuple(row): place for place, row in enumerate(table_genes.tolist())}
        return [places.get(tuple(row)) for row in genes.tolist()]

    def _leave_out_measured(self, genes: np.ndarray) -> np.ndarray:
        """Those archs of which no accuracy was measured, as the search needs it."""
        is_computed = self._predictor.table.is_computed
        is_unknown = [row is None or bool(is_computed[row]) for row in self._rows(genes)]
        return genes[np.array(is_unknown, bool)]

    def _measure(self, genes: np.ndarray, measure: CountedMeasurements) -> None:
        """Measure archs, and fit the predictor to what they get right, too."""
        is_new = np.array([row is None for row in self._rows(genes)], bool)
        measurements = [measure(arch) for arch in self._space.decode(genes)]
        table = self._predictor.table
        if is_new.any():
            table = table.extended_by(genes[is_new], list(itertools.compress(measurements, is_new)))
        if not is_new.all():
            table = table.with_measured(genes[~is_new], list(itertools.compress(measurements, ~is_new)))
        self._predictor = self._predictor.refit(table)

    # --- the result ------------------------------------------------------

    def _family(
        self, genes: np.ndarray, counted: CountedMeasurements, report: Callable[[Arch], AccuracyCount] | None
    ) -> Family:
        archs = self._space.decode(genes)
        points = []
        for arch, row in zip(archs, self._rows(genes), strict=True):
            if row is not None:
                points.append(self._point(arch, row, report))
        margins = {constraint.name: constraint.margin for constraint in self._constraints if constraint.margin}
        return Family(
            members=tuple(points),
            file_bytes=self._file_bytes(archs),
            predictor=self._predictor,
            num_measured=counted.done,
            max_measured=counted.most,
            margins=margins,
        )

    def _point(self, arch: Arch, row: int, report: Callable[[Arch], AccuracyCount] | None) -> FrontPoint:
        table = self._predictor.table
        unseen = self._predictor.unseen.capped()
        estimate = self._predictor.estimate_table().capped()
        reported = None
        if report is not None:
            reported = report(arch)
        return FrontPoint(
            arch=arch,
            is_found=row >= self._num_known,
            is_on_front=True,
            predicted_top1=float(unseen.mean[row]),
            predicted_std=float(unseen.std[row]),
            measured=table.measurement(row),
            estimated_top1=float(estimate.mean[row]),
            estimated_std=float(estimate.std[row]),
            costs={self._cost_name: float(self._cost(self._space.encode([arch]))[0])},
            reported=reported,
        )


def _score(candidate: _Candidate) -> float:
    return candidate.score


def _with_genes(constraint: Constraint, shared: Callable[[np.ndarray], np.ndarray]) -> Constraint:
    """A constraint on what `shared` makes of genes."""

    def measure_shared(genes: np.ndarray) -> np.ndarray:
        return np.asarray(constraint.measure(shared(genes)))

    # Of what is found, the exact measure is asked, without this.
    return dataclasses.replace(constraint, measure=measure_shared, exact_measure=None)
