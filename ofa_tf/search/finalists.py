"""`measure_finalists`: the best predictions of a search are measured, and the best measurement wins.

A search picks the archs whose predictions are highest, so it picks those whose predictions are too high. That is why
its winner is decided by measuring.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.constraints import Constraint, is_feasible
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace


@dataclasses.dataclass(frozen=True)
class FinalistSettings:
    """Who is a finalist, and how accuracies are measured.

    Args:
        measure: Arch -> measured top-1 accuracy.
        num_finalists: How many of the best predicted archs are measured.
        known: Archs measured before, on the same split; the best of those within
            the constraints is one more finalist, with the accuracy that it has there.

    Raises:
        InputError: If nothing is to be measured.
    """

    measure: Callable[[Arch], float]
    num_finalists: int = 5
    known: AccuracyTable | None = None

    def __post_init__(self) -> None:
        if self.num_finalists < 1:
            raise InputError(
                f"Expected `num_finalists` to be at least 1. Received: num_finalists={self.num_finalists}."
            )


@dataclasses.dataclass(frozen=True)
class Finalist:
    """An arch whose measured accuracy decides.

    Args:
        genes: Canonical, `(num_genes,)`.
        top1: Measured accuracy.
    """

    genes: np.ndarray
    top1: float


def measure_finalists(
    space: SearchSpace,
    ranked: np.ndarray,
    constraints: Sequence[Constraint],
    settings: FinalistSettings,
) -> Finalist:
    """Measure the finalists and find the winner.

    Args:
        space: Search space.
        ranked: Canonical genes within the constraints, best prediction first,
            `(n, num_genes)`.
        constraints: What archs measured before must meet.
        settings: Who is a finalist.

    Returns:
        The finalist with the highest accuracy; among equals, the one with the
        best prediction, and one measured before comes last.
    """
    finalists = _measure_best_predicted(space, ranked, settings)
    if settings.known is not None:
        best_known = _find_best_known(space, settings.known, constraints)
        if best_known is not None:
            finalists.append(best_known)
    return max(finalists, key=lambda finalist: finalist.top1)


def _measure_best_predicted(space: SearchSpace, ranked: np.ndarray, settings: FinalistSettings) -> list[Finalist]:
    finalists = []
    for genes in ranked[: settings.num_finalists]:
        arch = space.decode_one(genes)
        finalists.append(Finalist(genes, settings.measure(arch)))
    return finalists


def _find_best_known(
    space: SearchSpace,
    known: AccuracyTable,
    constraints: Sequence[Constraint],
) -> Finalist | None:
    """The most accurate arch of a table that meets the constraints, if one does."""
    is_within = is_feasible(constraints, known.genes)
    if not is_within.any():
        return None
    # No accuracy is below 0, so an arch outside the constraints never wins.
    best = int(np.argmax(np.where(is_within, known.top1, -1)))
    return Finalist(space.canonical_genes(known.genes[best]), float(known.top1[best]))
