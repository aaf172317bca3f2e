"""The front of accuracy against costs, found in rounds: propose, measure, learn.

Each round searches the front of predicted accuracies by NSGA-II, measures some of what it proposes, and fits the
predictor again, to these measurements, too. In the end the front is that of all archs that were measured, by what is
known of them: `FittedPredictor.estimate_table`.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.constraints import Constraint, is_exactly_feasible, keep_exactly_feasible
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.finalists import leave_out_known
from ofa_tf.search.front.dominance import find_front, hypervolume
from ofa_tf.search.front.front_evolution import Objective, evolve_front
from ofa_tf.search.front.measured_front import Front, FrontPoint, StopReason
from ofa_tf.search.leaders import CountedMeasurements, measure_leaders
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor
from ofa_tf.search.predictors.prediction import Prediction
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace

# A round that adds less to the hypervolume, as a share of it, brings nothing.
_MIN_GAIN = 1e-3


@dataclasses.dataclass(frozen=True)
class FrontSettings:
    """How long a search for a front is.

    Args:
        num_measurements: Subnets that are measured at most.
        num_per_round: Proposals that are measured before the predictor is fitted again.
        patience: So many rounds in a row without gain end the search.
        evolution: Size and length of the evolution of each round.
        seed: Decides every random choice.
        pessimism: By how many standard deviations a prediction is lowered in the evolution.

    Raises:
        InputError: If a number is below 1, or the seed or the pessimism below 0.
    """

    num_measurements: int = 48
    num_per_round: int = 8
    patience: int = 2
    evolution: EvolutionSettings = dataclasses.field(default_factory=EvolutionSettings)
    seed: int = 0
    pessimism: float = 0.0

    def __post_init__(self) -> None:
        for name in ("num_measurements", "num_per_round", "patience"):
            number = getattr(self, name)
            if number < 1:
                raise InputError(f"Expected `{name}` to be at least 1. Received: {name}={number}.")
        for name in ("seed", "pessimism"):
            number = getattr(self, name)
            if not number >= 0:
                raise InputError(f"Expected `{name}` to be at least 0. Received: {name}={number}.")


def check_above_0(name: str, values: np.ndarray) -> None:
    """Check values of a cost, of which logarithms are taken.

    Args:
        name: Of the cost.
        values: `(n,)`.

    Raises:
        InputError: If one is not above 0.
    """
    wrong = values[~(values > 0)]
    if len(wrong):
        raise InputError(
            f"Expected costs of a front to be above 0. Received: {wrong[0]:g} as {name} of a subnet. Take another cost."
        )


class FrontSearch:
    """A search for the front of accuracy against costs.

    Args:
        space: Search space.
        predictor: Fitted to the accuracy table.
        costs: Name -> genes `(n, num_genes)` -> values `(n,)`; one or two, above 0, smaller is better.
        exact_costs: The same for those of which `costs` has what is quick to compute, and not exact.
        constraints: Upper limits.
        settings: How long to search.

    Reference: Deb et al., 2002, for NSGA-II; Lu et al., "NSGANetV2", ECCV 2020, section 3, for rounds of proposals,
    measurements and refitting.
    """

    def __init__(
        self,
        space: SearchSpace,
        predictor: FittedPredictor,
        costs: Mapping[str, Objective],
        constraints: Sequence[Constraint] = (),
        settings: FrontSettings | None = None,
        exact_costs: Mapping[str, Objective] | None = None,
    ) -> None:
        self._space = space
        self._predictor = predictor
        self._quality_before = predictor.quality
        self._costs = costs
        self._exact_costs = {**costs, **(exact_costs or {})}
        self._constraints = constraints
        self._settings = settings or FrontSettings()
        self._num_known = len(predictor.table.genes)
        largest = space.encode([space.largest()])
        highest_costs = self._find_costs(largest)[0]
        # Rows are those of the predictor's table; exact costs may take long, and are computed once.
        self._cost_values = self._find_costs(predictor.table.genes)
        self._is_feasible = is_exactly_feasible(constraints, predictor.table.genes)
        self._reference = self._reference_point(highest_costs)

    def run(
        self,
        measure: Callable[[Arch], AccuracyCount],
        report: Callable[[Arch], AccuracyCount] | None = None,
        on_measured: Callable[[int, int], None] | None = None,
    ) -> Front:
        """Search.

        Args:
            measure: Measures an arch on the images of the accuracy table.
            report: Measures the archs of the front on images that no choice depends on.
            on_measured: Called with the number of archs measured and the most there will be.

        Raises:
            InputError: If not even the smallest subnet meets the constraints.
        """
        settings = self._settings
        counted = CountedMeasurements(measure, settings.num_measurements, on_measured)
        # An accuracy that was computed and is not true would lead the first round astray.
        self._measure_computed(counted)
        hypervolumes = [self._hypervolume()]
        stop_reason = StopReason.NO_GAIN
        num_idle_rounds = 0
        round_number = 0
        while num_idle_rounds < settings.patience:
            count = self._count_of_round(counted)
            if count == 0:
                stop_reason = StopReason.KEPT_NOT_NEEDED
                break
            if self._run_round(round_number, count, counted) == 0:
                stop_reason = StopReason.NOTHING_NEW
                break
            hypervolumes.append(self._hypervolume())
            # The estimates of archs change, too: what counts is whether it became better than ever before.
            is_idle = hypervolumes[-1] <= max(hypervolumes[:-1]) * (1 + _MIN_GAIN)
            num_idle_rounds = num_idle_rounds + 1 if is_idle else 0
            round_number += 1

        num_in_rounds = counted.done
        self._predictor = measure_leaders(self._predictor, self._find_computed, counted, counted.left)
        if counted.done > num_in_rounds:
            hypervolumes.append(self._hypervolume())
        if counted.left == 0:
            stop_reason = StopReason.ALL_MEASURED
        margins = {constraint.name: constraint.margin for constraint in self._constraints if constraint.margin}
        return Front(
            points=self._points(report),
            predictor=self._predictor,
            num_measured=counted.done,
            hypervolumes=tuple(hypervolumes),
            max_measured=counted.most,
            stop_reason=stop_reason,
            quality_before=self._quality_before,
            margins=margins,
        )

    def _measure_computed(self, measure: CountedMeasurements) -> None:
        """Measure who is on the front by a computed accuracy, once: who is on it then is not."""
        genes = self._find_computed(self._predictor)[: measure.left]
        if len(genes):
            measurements = [measure(arch) for arch in self._space.decode(genes)]
            self._predictor = self._predictor.refit(self._predictor.table.with_measured(genes, measurements))

    def _count_of_round(self, measure: CountedMeasurements) -> int:
        """How many proposals the next round may measure."""
        num_per_round = self._settings.num_per_round
        # What is found drives most of the computed accuracies off the front; for those that stay, measurements are
        # kept, as many as a round has.
        num_kept = min(num_per_round, len(self._find_computed(self._predictor)))
        return max(0, min(num_per_round, measure.left - num_kept))

    def _run_round(self, round_number: int, count: int, measure: CountedMeasurements) -> int:
        """Measure proposals, `count` at most, fit the predictor again, and return how many were measured."""
        genes = self._propose(round_number, count)
        if len(genes) == 0:
            return 0
        measurements = [measure(arch) for arch in self._space.decode(genes)]
        self._cost_values = np.concatenate([self._cost_values, self._find_costs(genes)])
        self._is_feasible = np.concatenate([self._is_feasible, is_exactly_feasible(self._constraints, genes)])
        self._predictor = self._predictor.refit(self._predictor.table.extended_by(genes, measurements))
        return len(genes)

    def _find_computed(self, predictor: FittedPredictor) -> np.ndarray:
        """Canonical genes of who is on the front by a computed accuracy, `(n, num_genes)`."""
        table = predictor.table
        rows = np.flatnonzero(self._is_feasible)
        rows = rows[find_front(self._values(rows, predictor.estimate_table()))]
        rows = rows[table.is_computed[rows]]
        return np.unique(self._space.canonical_genes(table.genes[rows]), axis=0)

    def _propose(self, round_number: int, count: int) -> np.ndarray:
        """Genes of archs to measure: from all along the predicted front, those that are predicted least surely."""

        def predicted_loss(genes: np.ndarray) -> np.ndarray:
            prediction = self._predictor.predict(genes)
            return self._settings.pessimism * prediction.std - prediction.mean

        objectives: list[Objective] = [predicted_loss, *self._costs.values()]
        rng = np.random.default_rng((self._settings.seed, round_number))
        genes, _ = evolve_front(
            self._space,
            objectives,
            self._constraints,
            rng,
            settings=self._settings.evolution,
        )
        genes = keep_exactly_feasible(self._space, genes, self._constraints)
        genes = leave_out_known(self._space, genes, self._predictor.table.genes)
        if len(genes) == 0:
            return genes
        first_cost = next(iter(self._costs.values()))(genes)
        order = np.argsort(first_cost, kind="stable")
        std = self._predictor.predict(genes).std
        chosen = []
        for section in np.array_split(order, min(count, len(order))):
            chosen.append(section[np.argmax(std[section])])
        return genes[chosen]

    def _find_costs(self, genes: np.ndarray) -> np.ndarray:
        """Exact costs of archs, `(n, number of costs)`."""
        columns = []
        for name, cost in self._exact_costs.items():
            values = np.asarray(cost(genes), float)
            check_above_0(name, values)
            columns.append(values)
        return np.stack(columns, axis=1)

    def _reference_point(self, highest_costs: np.ndarray) -> np.ndarray:
        """Where hypervolumes begin: the worst accuracy and the highest costs of what is known, as logarithms.

        Known are the archs of the accuracy table, and the largest subnet, which costs most by most costs but need not
        by all.

        Args:
            highest_costs: Those of the largest subnet, `(number of costs,)`.
        """
        worst_loss = -self._predictor.table.top1.min()
        highest_costs = np.maximum(highest_costs, self._cost_values.max(axis=0))
        return np.concatenate([[worst_loss], np.log(highest_costs)])

    def _values(self, rows: np.ndarray, estimate: Prediction) -> np.ndarray:
        """Objectives of rows of the table, all to be minimised: `(n, 1 + number of costs)`."""
        losses = -estimate.mean[rows]
        return np.column_stack([losses, self._cost_values[rows]])

    def _measured_rows(self) -> np.ndarray:
        """Who may be on the front: who was measured and meets the constraints."""
        return np.flatnonzero(self._is_feasible & ~self._predictor.table.is_computed)

    def _hypervolume(self) -> float:
        """Of the front of what was measured, by estimated accuracies; costs are logarithms."""
        values = self._values(self._measured_rows(), self._predictor.estimate_table())
        values[:, 1:] = np.log(values[:, 1:])
        return hypervolume(values, self._reference)

    def _points(self, report: Callable[[Arch], AccuracyCount] | None) -> tuple[FrontPoint, ...]:
        table = self._predictor.table
        estimate = self._predictor.estimate_table()
        rows = self._measured_rows()
        values = self._values(rows, estimate)
        told_estimate = estimate.capped()
        told_unseen = self._predictor.unseen.capped()
        on_front = set(find_front(values).tolist())
        archs = self._space.decode(self._space.canonical_genes(table.genes[rows]))

        points = []
        for place in np.argsort(values[:, 1], kind="stable").tolist():
            row = rows[place]
            is_on_front = place in on_front
            reported = None
            if is_on_front and report is not None:
                reported = report(archs[place])
            costs = dict(zip(self._costs, values[place, 1:].tolist(), strict=True))
            point = FrontPoint(
                arch=archs[place],
                is_found=bool(row >= self._num_known),
                is_on_front=is_on_front,
                predicted_top1=float(told_unseen.mean[row]),
                predicted_std=float(told_unseen.std[row]),
                measured=table.measurement(row),
                estimated_top1=float(told_estimate.mean[row]),
                estimated_std=float(told_estimate.std[row]),
                costs=costs,
                reported=reported,
            )
            points.append(point)
        return tuple(points)
