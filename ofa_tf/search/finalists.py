"""The final of a search: who is measured, and who wins.

A search picks the archs whose predictions are highest, so it picks those whose predictions are too high; and who picks
the best of some measurements picks the luckiest. Four rules are against that:

- Finalists differ from each other. Near-clones share their prediction's error, and one of them says it all.
- What was measured for the accuracy table and what the search found compete on equal terms: by what is known of each
  from its own measurement and, by way of the predictor, from those of all others (`FittedPredictor.estimate_table`).
- A cheaper arch wins where the best is not clearly better, see `FinalSettings.min_confidence`.
- The accuracy that is reported for the winner is measured on other images than those by which it was picked.
"""

import dataclasses
import statistics
from collections.abc import Callable, Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.constraints import Constraint, is_exactly_feasible
from ofa_tf.search.near_clones import least_difference
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor
from ofa_tf.search.predictors.prediction import noise_of_difference
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace

# So many of the best are told of.
_NUM_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class FinalSettings:
    """How many archs are measured, and when one is better than another.

    Args:
        measure: Arch -> what it gets right of the images that the accuracy table was measured on.
        num_finalists: How many archs that the search found are measured.
        num_rounds: In how many rounds: after each, the predictor is fitted again, to what was measured, too, and
            the search is repeated with it.
        min_confidence: An arch is clearly better than a cheaper one if it is better with at least this
            probability, as far as is known.

    Raises:
        InputError: If nothing is to be measured, or the confidence is not from 0.5 to below 1.
    """

    measure: Callable[[Arch], AccuracyCount]
    num_finalists: int = 6
    num_rounds: int = 2
    min_confidence: float = 0.6

    def __post_init__(self) -> None:
        for name in ("num_finalists", "num_rounds"):
            number = getattr(self, name)
            if number < 1:
                raise InputError(f"Expected `{name}` to be at least 1. Received: {name}={number}.")
        if not 0.5 <= self.min_confidence < 1:
            raise InputError(
                "Expected `min_confidence` to be at least 0.5 and below 1. "
                f"Received: min_confidence={self.min_confidence}."
            )

    def finalists_by_round(self) -> list[int]:
        """How many archs are measured in each round; in the first ones at most one more than in the last ones."""
        num_rounds = min(self.num_rounds, self.num_finalists)
        each, left_over = divmod(self.num_finalists, num_rounds)
        return [each + (number < left_over) for number in range(num_rounds)]


@dataclasses.dataclass(frozen=True)
class Finalist:
    """An arch of the final, and what is known of it.

    Args:
        genes: Canonical, `(num_genes,)`.
        is_found: Whether the search found it; the others were measured for the accuracy table.
        predicted_top1: What the predictor says that was fitted without it.
        predicted_std: Its standard deviation, see `Prediction`.
        measured: What it gets right of the images by which finalists are picked.
        estimated_top1: Prediction and measurement together.
        estimated_std: Its standard deviation, see `Prediction`.
        cost: Value of the first constraint.
        is_computed: Whether `measured_top1` was not measured but computed, see `Correction`.
    """

    genes: np.ndarray
    is_found: bool
    predicted_top1: float
    predicted_std: float
    measured: AccuracyCount
    estimated_top1: float
    estimated_std: float
    cost: float
    is_computed: bool = False

    @property
    def measured_top1(self) -> float:
        """On the images by which finalists are picked: of the winner, on average too high."""
        return self.measured.top1


@dataclasses.dataclass(frozen=True)
class Final:
    """How a final ended.

    Args:
        winner: Who is taken.
        finalists: The best, highest estimate first. The first is the winner, or costs more than it and is not
            clearly better.
        noise_std: Of the measured accuracies, see `AccuracyTable`.
    """

    winner: Finalist
    finalists: tuple[Finalist, ...]
    noise_std: float

    @property
    def is_cheaper_than_best(self) -> bool:
        """Whether an arch with a higher estimate was passed over, as it costs more and is not clearly better."""
        return self.winner is not self.finalists[0]

    @property
    def noise_of_difference(self) -> float:
        """By how much measured accuracies of two archs differ by chance at most, in 9 of 10 cases."""
        return noise_of_difference(self.noise_std)


def pick_finalists(space: SearchSpace, ranked: np.ndarray, known: np.ndarray, count: int) -> np.ndarray:
    """Choose who is measured: the best that are not known, each different from those before it.

    It is no near-clone of theirs; where all candidates are, it differs in half as many genes as that takes, and so on.

    Args:
        space: Search space.
        ranked: Canonical genes, best first, `(n, num_genes)`.
        known: Genes that are measured already, `(m, num_genes)`.
        count: How many, at most.

    Returns:
        Genes, best first.
    """
    candidates = leave_out_known(space, ranked, known)

    num_needed = least_difference(space)
    picked: list[int] = []
    while num_needed >= 1 and len(picked) < min(count, len(candidates)):
        for row in range(len(candidates)):
            num_different = (candidates[picked] != candidates[row]).sum(axis=1)
            if len(picked) < count and np.all(num_different >= num_needed):
                picked.append(row)
        num_needed //= 2
    return candidates[sorted(picked)]


def leave_out_known(space: SearchSpace, genes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Those of canonical genes, `(n, num_genes)`, that are none of the networks `known`, `(m, num_genes)`."""
    known_rows = set(map(tuple, space.canonical_genes(known).tolist()))
    is_new = [tuple(row) not in known_rows for row in genes.tolist()]
    return genes[np.array(is_new, bool)]


def hold_final(
    predictor: FittedPredictor,
    num_found: int,
    constraints: Sequence[Constraint],
    min_confidence: float,
    among_measured: bool = False,
) -> Final:
    """Find the winner among all archs that were measured.

    Args:
        predictor: Fitted to all of them.
        num_found: How many of the last rows of its table the search found.
        constraints: What the winner must meet; the first is the cost that decides between equals. One arch, at
            least, must meet them.
        min_confidence: See `FinalSettings`.
        among_measured: Whether to leave out whose accuracy was computed, see `AccuracyTable.is_computed`.
    """
    table = predictor.table
    estimate = predictor.estimate_table()
    is_computed = table.is_computed
    may_win = is_exactly_feasible(constraints, table.genes)
    if among_measured:
        may_win &= ~is_computed
    rows = np.flatnonzero(may_win)
    rows = rows[np.argsort(-estimate.mean[rows], kind="stable")]
    costs = constraints[0].measure_exactly(table.genes[rows])

    best = rows[0]
    num_stds = statistics.NormalDist().inv_cdf(min_confidence)
    lead = estimate.mean[best] - estimate.mean[rows]
    std_of_lead = np.hypot(estimate.std[best], estimate.std[rows])
    is_as_good = lead <= num_stds * std_of_lead
    winner = int(np.argmin(np.where(is_as_good, costs, np.inf)))

    told_estimate = estimate.capped()
    told_unseen = predictor.unseen.capped()
    shown = sorted({*range(min(_NUM_SHOWN, len(rows))), winner})
    canonical = table.space.canonical_genes(table.genes)
    finalists = {}
    for place in shown:
        row = rows[place]
        finalists[place] = Finalist(
            genes=canonical[row],
            is_found=bool(row >= len(table.genes) - num_found),
            predicted_top1=float(told_unseen.mean[row]),
            predicted_std=float(told_unseen.std[row]),
            measured=table.measurement(row),
            estimated_top1=float(told_estimate.mean[row]),
            estimated_std=float(told_estimate.std[row]),
            cost=float(costs[place]),
            is_computed=bool(is_computed[row]),
        )
    return Final(finalists[winner], tuple(finalists.values()), table.noise_std)
