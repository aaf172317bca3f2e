"""From constraints to one arch: evolution on predictions, measurements, and a final."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.constraints import Constraint, keep_exactly_feasible
from ofa_tf.search.evolution import EvolutionSettings, evolve
from ofa_tf.search.finalists import Final, FinalSettings, hold_final, pick_finalists
from ofa_tf.search.leaders import measure_leaders
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace

# So many archs that lead a final by a computed accuracy are measured; then, who was not measured is left out.
_MAX_LEADERS = 12


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Args:
        arch: The subnet, in canonical form.
        predicted_top1: What the accuracy predictor says of it, at most 1; where there was a final, one that was
            fitted without it.
        predicted_std: Its standard deviation from the true accuracy but for the luck of the images, see `Prediction`.
        costs: What the constraints limit: name -> the arch's value.
        limits: Name -> the limit.
        final: How it was chosen; `None` if nothing was measured.
        reported: What it gets right of images that no choice depended on; `None` if that was not measured.
        device: Id of the device whose latency was limited; `None` for no limit.
        target: Target of the models that the costs are of.
        precision: Their precision.
        input_type: What they take as an image.
        accuracy_precision: Precision that accuracies were measured in.
        latency_margin: By which share latencies were taken to be higher than predicted, to keep their limit.
        confidence: Probability with which a random network keeps the limit for that; `None` without a margin.
        predictor: Of the accuracies, as it was before finalists were measured; `None` where that is not told.
        known: The predictor as it is in the end, fitted to what was measured, too: with it, a further search knows
            what this one does.
    """

    arch: Arch
    predicted_top1: float
    predicted_std: float
    costs: dict[str, float]
    limits: dict[str, float]
    final: Final | None = None
    reported: AccuracyCount | None = None
    device: str | None = None
    target: str = "cpu"
    precision: str = "float32"
    input_type: str = "normalized"
    accuracy_precision: str = "float32"
    latency_margin: float = 0.0
    confidence: float | None = None
    predictor: FittedPredictor | None = None
    known: FittedPredictor | None = None

    @property
    def measured_top1(self) -> float | None:
        """Measured on the images that the arch was picked by: on average too high."""
        if self.final is None:
            return None
        return self.final.winner.measured_top1

    @property
    def reported_top1(self) -> float | None:
        """Measured on images that no choice depended on."""
        if self.reported is None:
            return None
        return self.reported.top1

    @property
    def noise_of_report(self) -> float | None:
        """By how much reported accuracies of two archs differ by chance at most, in 9 of 10 cases."""
        if self.final is None or self.reported is None:
            return None
        num_search_images = sum(self.final.winner.measured.num_images)
        num_report_images = sum(self.reported.num_images)
        return self.final.noise_of_difference * math.sqrt(num_search_images / num_report_images)

    def notes(self) -> dict[str, Any]:
        """Everything but the arch, for `Arch.save`."""
        notes: dict[str, Any] = {
            "predicted_top1": self.predicted_top1,
            "predicted_standard_deviation": self.predicted_std,
            "measured_search_top1": self.measured_top1,
        }
        if self.final is not None:
            measured = self.final.winner.measured
            notes["measured_search_standard_error"] = measured.standard_error
            notes["num_search_images"] = sum(measured.num_images)
            notes["estimated_top1"] = self.final.winner.estimated_top1
            notes["estimated_standard_deviation"] = self.final.winner.estimated_std
            notes["noise_of_difference"] = self.final.noise_of_difference
        if self.reported is not None:
            notes["reported_top1"] = self.reported.top1
            notes["reported_standard_error"] = self.reported.standard_error
            notes["num_report_images"] = sum(self.reported.num_images)
        if self.predictor is not None:
            notes["predictor"] = self.predictor.name
            notes["predictor_quality"] = self.predictor.quality.to_dict()
        notes["costs"] = self.costs
        notes["limits"] = self.limits
        notes["confidence"] = self.confidence
        notes["latency_margin"] = self.latency_margin
        notes["device"] = self.device
        notes["target"] = self.target
        notes["precision"] = self.precision
        notes["input_type"] = self.input_type
        notes["accuracy_precision"] = self.accuracy_precision
        return notes


def search_arch(
    space: SearchSpace,
    predictor: FittedPredictor,
    constraints: Sequence[Constraint],
    *,
    seed: int = 0,
    settings: EvolutionSettings | None = None,
    pessimism: float = 0.0,
    final: FinalSettings | None = None,
    report: Callable[[Arch], AccuracyCount] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> SearchResult:
    """Find the most accurate arch within constraints.

    Args:
        space: Search space.
        predictor: Predicts accuracies during the evolution; fitted to the accuracy table.
        constraints: Upper limits.
        seed: Decides every random choice.
        settings: Size and length of the evolution.
        pessimism: By how many standard deviations a prediction is lowered in the evolution, so that archs of
            which little is known count less.
        final: Who is measured, and how; without it, the best prediction wins.
        report: Measures the winner on images that no choice depends on.
        on_progress: Called with generations done and their number, over all rounds.

    Returns:
        The arch, with its accuracies and what it costs.

    Raises:
        InputError: If not even the smallest subnet meets the constraints.

    Reference: Once-for-All, section 3.4.
    """
    rounds = [0]
    if final is not None:
        rounds = final.finalists_by_round()
    evolution = _Evolution(space, constraints, settings or EvolutionSettings(), seed, pessimism)

    held = None
    num_found = 0
    for round_number, num_finalists in enumerate(rounds):
        ranked = evolution.run(predictor, round_number, len(rounds), on_progress)
        if final is None:
            break
        new_genes = pick_finalists(space, ranked, predictor.table.genes, num_finalists)
        measurements = [final.measure(arch) for arch in space.decode(new_genes)]
        if measurements:
            predictor = predictor.refit(predictor.table.extended_by(new_genes, measurements))
        num_found += len(measurements)

    if final is None:
        genes = ranked[0]
        prediction = predictor.predict(genes[np.newaxis]).capped()
        predicted_top1, predicted_std = float(prediction.mean[0]), float(prediction.std[0])
    else:
        held, predictor = _hold_among_measured(predictor, num_found, constraints, final)
        genes = held.winner.genes
        predicted_top1, predicted_std = held.winner.predicted_top1, held.winner.predicted_std

    arch = space.decode_one(genes)
    reported = None
    if report is not None:
        reported = report(arch)
    return SearchResult(
        arch=arch,
        predicted_top1=predicted_top1,
        predicted_std=predicted_std,
        costs=_costs(constraints, genes),
        limits={constraint.name: constraint.limit for constraint in constraints},
        final=held,
        reported=reported,
        known=predictor,
    )


def _hold_among_measured(
    predictor: FittedPredictor, num_found: int, constraints: Sequence[Constraint], final: FinalSettings
) -> tuple[Final, FittedPredictor]:
    """Hold a final, and measure who wins or leads in it by a computed accuracy, until both were measured.

    Args:
        predictor: See `hold_final`.
        num_found: See `hold_final`.
        constraints: See `hold_final`.
        final: How to measure, and when one is better than another.

    Returns:
        The final, and the predictor fitted to what was measured for it, too.
    """

    def find_computed(predictor: FittedPredictor) -> np.ndarray:
        held = hold_final(predictor, num_found, constraints, final.min_confidence)
        leaders = (held.winner, held.finalists[0])
        genes = [leader.genes for leader in leaders if leader.is_computed]
        if len(genes) == 0:
            return predictor.table.genes[:0]
        return np.unique(genes, axis=0)

    predictor = measure_leaders(predictor, find_computed, final.measure, _MAX_LEADERS)
    is_any_computed = len(find_computed(predictor)) > 0
    held = hold_final(predictor, num_found, constraints, final.min_confidence, among_measured=is_any_computed)
    return held, predictor


@dataclasses.dataclass(frozen=True)
class _Evolution:
    """The evolution of each round: all that stays the same from round to round."""

    space: SearchSpace
    constraints: Sequence[Constraint]
    settings: EvolutionSettings
    seed: int
    pessimism: float

    def run(
        self,
        predictor: FittedPredictor,
        round_number: int,
        num_rounds: int,
        on_progress: Callable[[int, int], None] | None,
    ) -> np.ndarray:
        """Genes within the constraints, best prediction first, `(n, num_genes)`."""
        num_before = round_number * self.settings.num_generations
        num_generations = num_rounds * self.settings.num_generations

        def on_generation(done: int, total: int) -> None:
            if on_progress is not None:
                on_progress(num_before + done, num_generations)

        def score(genes: np.ndarray) -> np.ndarray:
            prediction = predictor.predict(genes)
            return prediction.mean - self.pessimism * prediction.std

        ranked, _ = evolve(
            self.space,
            score,
            self.constraints,
            np.random.default_rng((self.seed, round_number)),
            settings=self.settings,
            on_progress=on_generation,
        )
        return keep_exactly_feasible(self.space, ranked, self.constraints)


def _costs(constraints: Sequence[Constraint], genes: np.ndarray) -> dict[str, float]:
    """What an arch costs, by the names of the constraints."""
    costs = {}
    for constraint in constraints:
        costs[constraint.name] = float(constraint.measure_exactly(genes[np.newaxis])[0])
    return costs
