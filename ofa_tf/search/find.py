"""From constraints to one arch: evolution on predictions, then a measured final."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_predictor import AccuracyPredictor
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.constraints import Constraint, Limits
from ofa_tf.search.evolution import EvolutionSettings, evolve
from ofa_tf.space import costs
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace


@dataclasses.dataclass(frozen=True)
class Found:
    """The result of a search.

    Args:
        arch: The subnet, in canonical form.
        predicted_top1: What the accuracy predictor said.
        measured_top1: Measured on the split that `measure` uses; `None` if it
            was not measured.
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


def find_arch(
    space: SearchSpace,
    predictor: AccuracyPredictor,
    constraints: Sequence[Constraint],
    seed: int = 0,
    settings: EvolutionSettings | None = None,
    measure: Callable[[Arch], float] | None = None,
    num_finalists: int = 5,
    known: AccuracyTable | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Found:
    """Find the most accurate arch within constraints.

    Args:
        space: Search space.
        predictor: Predicts accuracies during the evolution.
        constraints: Upper limits.
        seed: Decides every random choice.
        settings: Size and length of the evolution.
        measure: Arch -> measured accuracy. If given, the finalists are measured
            and the best one wins: predictions of the winners of a search are
            the ones that are too high.
        num_finalists: How many of the best archs are measured.
        known: Archs measured before, on the same split; the best of those within
            the constraints takes part in the final.
        on_progress: Called with generations done and their number.

    Raises:
        InputError: If not even the smallest subnet meets the constraints.

    Reference: Once-for-All, section 3.4.
    """
    genes, scores = evolve(space, predictor.predict, constraints, np.random.default_rng(seed), settings, on_progress)
    row, predicted_top1, measured_top1 = genes[:1], float(scores[0]), None
    if measure is not None:
        candidates = genes[:num_finalists]
        finals = [measure(arch) for arch in space.decode(candidates)]
        if known is not None:
            is_within = np.all([constraint.measure(known.genes) <= constraint.limit for constraint in constraints], 0)
            best = np.argmax(np.where(is_within, known.top1, -1))
            if is_within[best]:
                candidates = np.concatenate([candidates, space.canonical_genes(known.genes[[best]])])
                finals.append(float(known.top1[best]))
        winner = int(np.argmax(finals))
        row, measured_top1 = candidates[[winner]], finals[winner]
        predicted_top1 = float(predictor.predict(row)[0])
    return Found(
        arch=space.decode_one(row[0]),
        predicted_top1=min(1.0, predicted_top1),
        measured_top1=measured_top1,
        costs={constraint.name: float(constraint.measure(row)[0]) for constraint in constraints},
        limits={constraint.name: constraint.limit for constraint in constraints},
    )


def make_constraints(
    space: SearchSpace,
    num_classes: int,
    limits: Limits,
    predict_latency_ms: Callable[[np.ndarray], Any] | None = None,
    bytes_per_weight: int = 4,
    bytes_per_value: int = 4,
) -> list[Constraint]:
    """Constraints from limits.

    Args:
        space: Search space.
        num_classes: Number of classes.
        limits: What is limited, and to how much.
        predict_latency_ms: Latencies of genes `(n, num_genes)`; needed if they
            are limited.
        bytes_per_weight: Memory of a weight in the shipped model.
        bytes_per_value: Memory of an activation.

    Raises:
        InputError: If latency is limited without a latency model.
    """
    measures: dict[str, Callable[[np.ndarray], Any] | None] = {
        "latency_ms": predict_latency_ms,
        "macs": lambda genes: costs.num_macs(space, genes, num_classes),
        "size_bytes": lambda genes: costs.estimate_size_bytes(space, genes, num_classes, bytes_per_weight),
        "peak_ram_bytes": lambda genes: costs.estimate_peak_ram_bytes(space, genes, bytes_per_value),
    }
    constraints = []
    for name, limit in vars(limits).items():
        if limit is None:
            continue
        measure = measures[name]
        if measure is None:
            raise InputError(f"Expected a latency model with --max_{name}={limit:g}. Received: none.")
        constraints.append(Constraint(name, limit, measure))
    return constraints
