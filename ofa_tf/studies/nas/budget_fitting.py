"""From probabilities of choices to one arch within a latency budget. Loads NumPy only."""

from collections.abc import Callable

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.space.search_space import SearchSpace

PredictMs = Callable[[np.ndarray], np.ndarray]  # of genes (n, num_genes)

_LEAST_SAVING_MS = 1e-9  # less is rounding


def most_probable_within(
    space: SearchSpace, log_probabilities: np.ndarray, predict_ms: PredictMs, budget_ms: float
) -> np.ndarray:
    """The most probable choice of each gene, changed where that takes too long.

    As long as the arch takes longer than the budget, one gene is changed: the one that loses the least log probability
    for each millisecond that is saved. What is saved beyond the budget counts for nothing.

    Args:
        space: The search space.
        log_probabilities: Of each choice of each gene, `(num_genes, most choices)`; minus infinity where there is none
            or where it must not be taken.
        predict_ms: Latency of archs, milliseconds.
        budget_ms: What the arch may take at most, milliseconds.

    Returns:
        Genes, int32 `(num_genes,)`, those of skipped blocks 0.

    Raises:
        InputError: If no change makes the arch faster, and it still takes too long.
    """
    genes = log_probabilities.argmax(axis=1).astype(np.int32)
    latency_ms = _predict_one(predict_ms, genes)
    while latency_ms > budget_ms:
        changed, losses = _single_changes(space, genes, log_probabilities)
        savings_ms = latency_ms - predict_ms(changed)
        if not (savings_ms > _LEAST_SAVING_MS).any():
            raise InputError(
                f"Expected a budget that an arch of {space.name} can keep within. Received: {budget_ms:g} ms, and none "
                f"is found below {latency_ms:.4g} ms. Allow more."
            )
        best = _best_change(losses, savings_ms, needed_ms=latency_ms - budget_ms)
        genes = changed[best]
        latency_ms = _predict_one(predict_ms, genes)
    return np.asarray(space.canonical_genes(genes), np.int32)


def _best_change(losses: np.ndarray, savings_ms: np.ndarray, needed_ms: float) -> int:
    """The change that loses least for what it saves.

    Args:
        losses: Log probability that each change loses, `(n,)`.
        savings_ms: Milliseconds that each saves, `(n,)`; at least one of them something.
        needed_ms: What is to be saved.
    """
    saving = np.flatnonzero(savings_ms > _LEAST_SAVING_MS)
    losses, savings_ms = losses[saving], savings_ms[saving]
    useful_ms = np.minimum(savings_ms, needed_ms)
    # Of changes that lose as much for their use, the more useful one; of those, the one that saves less in vain.
    order = np.lexsort((savings_ms, -useful_ms, losses / useful_ms))
    return int(saving[order[0]])


def _single_changes(
    space: SearchSpace, genes: np.ndarray, log_probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All genes with one of them changed, `(n, num_genes)`, and the log probability that is lost, `(n,)`."""
    rows = []
    losses = []
    for gene, count in enumerate(space.gene_counts):
        for choice in range(count):
            loss = log_probabilities[gene, genes[gene]] - log_probabilities[gene, choice]
            if choice != genes[gene] and np.isfinite(loss):
                row = genes.copy()
                row[gene] = choice
                rows.append(row)
                losses.append(loss)
    return np.array(rows, np.int32).reshape(-1, space.num_genes), np.array(losses)


def _predict_one(predict_ms: PredictMs, genes: np.ndarray) -> float:
    return float(predict_ms(genes[np.newaxis])[0])
