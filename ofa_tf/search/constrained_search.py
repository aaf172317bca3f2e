"""From constraints to one arch: evolution on predictions, then the best are measured."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ofa_tf.search.constraints import Constraint
from ofa_tf.search.evolution import EvolutionSettings, evolve
from ofa_tf.search.finalists import FinalistSettings, measure_finalists
from ofa_tf.search.predictors.accuracy_predictor import AccuracyPredictor
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Args:
        arch: The subnet, in canonical form.
        predicted_top1: What the accuracy predictor said, at most 1.
        measured_top1: Its measured accuracy; `None` if no finalists were measured.
        costs: What the constraints limit: name -> the arch's value.
        limits: Name -> the limit.
        device: Id of the device whose latency was limited; `None` for no limit.
        precision: Precision that the costs are of.
    """

    arch: Arch
    predicted_top1: float
    measured_top1: float | None
    costs: dict[str, float]
    limits: dict[str, float]
    device: str | None = None
    precision: str = "float32"

    def notes(self) -> dict[str, Any]:
        """Everything but the arch, for `Arch.save`."""
        return {
            "predicted_top1": self.predicted_top1,
            "measured_validation_top1": self.measured_top1,
            "costs": self.costs,
            "limits": self.limits,
            "device": self.device,
            "precision": self.precision,
        }


def search_arch(
    space: SearchSpace,
    predictor: AccuracyPredictor,
    constraints: Sequence[Constraint],
    *,
    seed: int = 0,
    settings: EvolutionSettings | None = None,
    finalists: FinalistSettings | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> SearchResult:
    """Find the most accurate arch within constraints.

    Args:
        space: Search space.
        predictor: Predicts accuracies during the evolution.
        constraints: Upper limits.
        seed: Decides every random choice.
        settings: Size and length of the evolution.
        finalists: Who is measured at the end, and how; without it, the best
            prediction wins.
        on_progress: Called with generations done and their number.

    Returns:
        The arch, with its accuracies and what it costs.

    Raises:
        InputError: If not even the smallest subnet meets the constraints.

    Reference: Once-for-All, section 3.4.
    """
    rng = np.random.default_rng(seed)
    ranked, predictions = evolve(space, predictor.predict, constraints, rng, settings=settings, on_progress=on_progress)

    if finalists is None:
        genes = ranked[0]
        predicted_top1 = float(predictions[0])
        measured_top1 = None
    else:
        winner = measure_finalists(space, ranked, constraints, finalists)
        genes = winner.genes
        predicted_top1 = float(predictor.predict(genes[np.newaxis])[0])
        measured_top1 = winner.top1

    costs = {}
    for constraint in constraints:
        costs[constraint.name] = float(constraint.measure(genes[np.newaxis])[0])
    return SearchResult(
        arch=space.decode_one(genes),
        predicted_top1=min(1.0, predicted_top1),
        measured_top1=measured_top1,
        costs=costs,
        limits={constraint.name: constraint.limit for constraint in constraints},
    )
