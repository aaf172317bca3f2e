"""The search for a family: subnets for several budgets whose widths are the same, so that one file holds them cheaply.

A family is its widths and, for each member, what else there is to choose. For given widths, NSGA-II finds the front of
predicted accuracies against a cost among the archs that have them, and `pick_members` those of it that serve all
budgets best; where their file is too large, the costliest are left out. Widths are improved by an evolution around
that: they are drawn from the front of all archs, which knows nothing of sharing, and the best of them are mutated.

The members of the best family are measured, the predictor is fitted again, and so on, until the best family is one
whose members are all measured, or no more may be measured. In the end the members are chosen among what was measured:
predictions are too high for what a search picks.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.constraints import LIMIT_RULE, Constraint, is_exactly_feasible, is_limit
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.family.known_archs import KnownArchs
from ofa_tf.search.family.measured_family import Family
from ofa_tf.search.family.members import pick_members
from ofa_tf.search.family.widths import Widths, width_genes
from ofa_tf.search.front.dominance import find_front, hypervolume
from ofa_tf.search.front.front_evolution import Objective, evolve_front
from ofa_tf.search.front.measured_front import FrontPoint
from ofa_tf.search.front_search import check_above_0
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
        InputError: If there are fewer than two members, or fewer measurements than members, a number is too small, or
            the limit is not a finite number above 0.
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
        for name, least in (("num_widths", 1), ("num_parents", 1), ("num_generations", 0), ("seed", 0)):
            number = getattr(self, name)
            if number < least:
                raise InputError(f"Expected `{name}` to be at least {least}. Received: {name}={number}.")
        if self.max_file_bytes is not None and not is_limit(self.max_file_bytes):
            raise InputError(
                f"Expected the limit of a family's file (--max_family_bytes) to be {LIMIT_RULE}. "
                f"Received: {self.max_file_bytes}. Leave it out where the file need not be small."
            )


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
        cost: Genes `(n, num_genes)` -> values `(n,)`, above 0, smaller is better; quick.
        file_bytes: Size of the file of some archs.
        constraints: Upper limits for each member.
        settings: Which family, and how long to search.
        exact_cost: The same as `cost` where that is not exact; `None`: it is.

    Raises:
        InputError: If a cost of the archs that are known is not above 0.
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
        exact_cost: Objective | None = None,
    ) -> None:
        self._space = space
        self._cost_name = cost_name
        self._cost = cost
        self._exact_cost = exact_cost or cost
        self._known = KnownArchs(predictor, self._exact_cost)
        self._file_bytes = file_bytes
        self._constraints = constraints
        self._settings = settings or FamilySettings()
        self._num_known = len(predictor.table.genes)
        self._found_too_large = False
        self._reference = self._reference_point(predictor)

    def _reference_point(self, predictor: FittedPredictor) -> np.ndarray:
        """Where hypervolumes begin: the worst accuracy and the highest cost of archs that are known, or largest."""
        largest = self._space.encode([self._space.largest()])
        genes = np.concatenate([predictor.table.genes, largest])
        costs = np.asarray(self._exact_cost(genes), float)
        check_above_0(self._cost_name, costs)
        worst_loss = -predictor.table.top1.min()
        highest_cost = math.log(costs.max())
        return np.array([worst_loss, highest_cost])

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

        Returns:
            The family. It has fewer members than were asked for where those that were measured are no better than
            cheaper ones.

        Raises:
            InputError: If not even the smallest subnet meets the constraints, or no family was found within them, or
                none whose file keeps its limit.
        """
        counted = CountedMeasurements(measure, self._settings.num_measurements, on_measured)
        candidates = self._evolve_widths()
        all_widths = [candidate.widths for candidate in candidates]
        while candidates:
            unknown = self._next_to_measure(candidates, counted.left)
            if len(unknown) == 0:
                break
            self._known = self._known.with_measured(unknown, counted)
            # What was measured changes what is predicted of all others.
            candidates = self._judge(all_widths)
        return self._family(self._best_measured(all_widths), counted, report)

    def _next_to_measure(self, candidates: Sequence[_Candidate], num_left: int) -> np.ndarray:
        """The members of the best family that is not measured and can be; none if the best of all is measured."""
        nothing = candidates[0].genes[:0]
        for place, candidate in enumerate(candidates):
            unknown = self._known.leave_out_measured(candidate.genes)
            if len(unknown) == 0 and place == 0:
                return nothing
            if 0 < len(unknown) <= num_left:
                return unknown
        return nothing

    # --- widths ----------------------------------------------------------

    def _evolve_widths(self) -> list[_Candidate]:
        """The best widths with their families, best first.

        Raises:
            InputError: If none has a family within the limits.
        """
        settings = self._settings
        rng = np.random.default_rng(settings.seed)
        candidates = self._judge(self._first_widths(rng))
        for _ in range(settings.num_generations):
            children = [candidate.widths.mutated(rng, _MUTATION_PROBABILITY) for candidate in candidates]
            candidates = self._judge([*(candidate.widths for candidate in candidates), *children])
        if candidates:
            return candidates
        if self._found_too_large:
            raise InputError(
                f"Expected a family of {settings.num_members} subnets in a file of at most "
                f"{settings.max_file_bytes:,.0f} bytes. Received: none of those that the search tried fits. Allow more "
                "(--max_family_bytes), or fewer members (--family)."
            )
        raise InputError(
            f"Expected {settings.num_members} subnets with the same widths, each better than the cheaper ones. "
            "Received: fewer, whichever widths were tried: limits leave too few, or accuracies hardly differ. "
            "Allow more, or ask for fewer members (--family)."
        )

    def _first_widths(self, rng: np.random.Generator) -> list[Widths]:
        """Widths from all along the front of all archs, and those with the same choice everywhere."""
        space = self._space
        genes = self._find_front(space.canonical_genes, rng)
        num_rows = min(self._settings.num_widths, len(genes))
        rows = np.linspace(0, len(genes) - 1, num_rows).round().astype(int)
        of_front = [Widths.of_front(space, genes, row) for row in rows]

        counts = space.gene_counts[width_genes(space)]
        uniform = [Widths.uniform(space, choice) for choice in range(counts.max())]
        return [*of_front, *uniform]

    def _judge(self, all_widths: Sequence[Widths]) -> list[_Candidate]:
        """The best of some widths, with their families, best first; those without one are left out."""
        distinct = {tuple(widths.choices.tolist()): widths for widths in all_widths}
        candidates = []
        for widths in distinct.values():
            genes = self._find_members(widths)
            if genes is not None:
                candidates.append(_Candidate(widths, genes, self._hypervolume(genes)))
        return sorted(candidates, key=_score, reverse=True)[: self._settings.num_parents]

    # --- members ---------------------------------------------------------

    def _find_members(self, widths: Widths) -> np.ndarray | None:
        """Genes of the best family of some widths; `None` if none is within the limits."""
        smallest = widths.of(self._space.encode([self._space.smallest()]))
        if not is_exactly_feasible(self._constraints, smallest)[0]:
            return None
        # The same widths are searched in the same way again: only what is known of their archs changes.
        rng = np.random.default_rng((self._settings.seed, *widths.choices.tolist()))
        found = self._find_front(widths.of, rng)
        genes = self._only_front(np.concatenate([found, self._measured_with(widths)]))
        if len(genes) < self._settings.num_members:
            return None
        return self._pick_within_limit(genes, self._settings.num_members)

    def _measured_with(self, widths: Widths) -> np.ndarray:
        """The measured archs that have some widths and are within the limits."""
        measured = self._known.measured_genes
        has_widths = (widths.of(measured) == measured).all(axis=1)
        genes = measured[has_widths]
        return genes[is_exactly_feasible(self._constraints, genes)]

    def _best_measured(self, all_widths: Sequence[Widths]) -> np.ndarray:
        """The best family of measured archs with some of these widths, as those that led are."""
        families = []
        for widths in all_widths:
            front = self._only_front(self._measured_with(widths))
            genes = self._pick_as_many_as_fit(front)
            if genes is not None:
                families.append(genes)
        return max(families, key=self._hypervolume)

    def _pick_as_many_as_fit(self, genes: np.ndarray) -> np.ndarray | None:
        """The best members of a front of measured archs; `None` if there are none.

        Those that led fit into a file, but some of them may be no better than cheaper ones, now that they are measured,
        and others with the same widths may be too large: then there are fewer members.
        """
        for num_members in range(min(self._settings.num_members, len(genes)), 0, -1):
            members = self._pick_within_limit(genes, num_members)
            if members is not None:
                return members
        return None

    def _pick_within_limit(self, genes: np.ndarray, num_members: int) -> np.ndarray | None:
        """The best members of a front whose file is not too large; `None` if all are.

        The costliest archs are left out until it is: by bisection, as if files became smaller with each.

        Args:
            genes: Canonical, from the cheapest to the costliest, `(n, num_genes)`; at least as many as members.
            num_members: How many members.
        """
        num_rows = min(_MAX_CANDIDATES, len(genes))
        rows = np.unique(np.linspace(0, len(genes) - 1, num_rows).round().astype(int))
        candidates = genes[rows]
        values = self._known.values(candidates)

        def pick(num_candidates: int) -> np.ndarray:
            return candidates[pick_members(values[:num_candidates], self._reference, num_members)]

        best = pick(len(candidates))
        if self._fits(best):
            return best
        self._found_too_large = True
        fits, is_too_many = num_members - 1, len(candidates)
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
            return -self._known.predictor.predict(genes).mean

        found, _ = evolve_front(
            self._space,
            [predicted_loss, self._cost],
            [_with_genes(constraint, shared) for constraint in self._constraints],
            rng,
            settings=self._settings.evolution,
            prepare=shared,
        )
        return self._only_front(found[is_exactly_feasible(self._constraints, found)])

    def _only_front(self, genes: np.ndarray) -> np.ndarray:
        """Those of some archs that are on their front, by what is known of them, from the cheapest to the costliest."""
        if len(genes) == 0:
            return genes
        values = self._known.values(genes)
        front = find_front(values)
        order = np.argsort(values[front, 1], kind="stable")
        return genes[front[order]]

    def _hypervolume(self, genes: np.ndarray) -> float:
        return hypervolume(self._known.values(genes), self._reference)

    # --- the result ------------------------------------------------------

    def _family(
        self, genes: np.ndarray, counted: CountedMeasurements, report: Callable[[Arch], AccuracyCount] | None
    ) -> Family:
        members = [self._point(member, report) for member in genes]
        is_member = {point.arch for point in members}
        others = []
        for found in self._space.canonical_genes(self._known.predictor.table.genes[self._num_known :]):
            if self._space.decode_one(found) not in is_member:
                others.append(self._point(found))
        margins = {constraint.name: constraint.margin for constraint in self._constraints if constraint.margin}
        return Family(
            members=tuple(members),
            others=tuple(others),
            file_bytes=self._file_bytes(self._space.decode(genes)),
            predictor=self._known.predictor,
            num_measured=counted.done,
            max_measured=counted.most,
            margins=margins,
        )

    def _point(self, genes: np.ndarray, report: Callable[[Arch], AccuracyCount] | None = None) -> FrontPoint:
        """What is known of a measured arch; it is on the front of the family if it is reported on."""
        row = self._known.row(genes)
        if row is None:
            raise InputError("Expected a measured arch. Received: another one. This is a fault of the search: tell it.")
        told = self._known.told
        arch = self._space.decode_one(genes)
        reported = None
        if report is not None:
            reported = report(arch)
        return FrontPoint(
            arch=arch,
            is_found=row >= self._num_known,
            is_on_front=report is not None,
            predicted_top1=float(told.unseen.mean[row]),
            predicted_std=float(told.unseen.std[row]),
            measured=self._known.predictor.table.measurement(row),
            estimated_top1=float(told.estimate.mean[row]),
            estimated_std=float(told.estimate.std[row]),
            costs={self._cost_name: float(self._exact_cost(genes[np.newaxis])[0])},
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
