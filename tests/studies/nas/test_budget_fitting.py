import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.studies.nas.budget_fitting import most_probable_within
from tests.support.small_choices import LEAN, all_genes


def _predict_ms(genes: np.ndarray) -> np.ndarray:
    """Each choice takes as long as its index says, those of skipped blocks nothing."""
    canonical = LEAN.canonical_genes(genes)
    return 0.1 + canonical @ np.linspace(0.01, 0.03, LEAN.num_genes)


def _log_probabilities(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((LEAN.num_genes, LEAN.gene_counts.max()))
    columns = np.arange(logits.shape[1])
    return np.where(columns < LEAN.gene_counts[:, np.newaxis], logits, -np.inf)


@pytest.mark.parametrize("seed", range(8))
def test_the_most_probable_choices_are_kept_where_they_fit(seed: int) -> None:
    log_probabilities = _log_probabilities(seed)
    found = most_probable_within(LEAN, log_probabilities, _predict_ms, budget_ms=1.0)
    np.testing.assert_array_equal(found, LEAN.canonical_genes(log_probabilities.argmax(axis=1)))


@pytest.mark.parametrize("seed", range(8))
def test_what_takes_too_long_is_changed_until_it_fits(seed: int) -> None:
    """And then loses little against the most probable of all that fit, by enumeration."""
    log_probabilities = _log_probabilities(seed)
    budget_ms = float(np.quantile(_predict_ms(all_genes()), 0.2))
    found = most_probable_within(LEAN, log_probabilities, _predict_ms, budget_ms)
    assert _predict_ms(found[np.newaxis])[0] <= budget_ms

    def log_probability(genes: np.ndarray) -> float:
        is_active = LEAN.active_genes(genes)
        return float(log_probabilities[np.arange(LEAN.num_genes), genes][is_active].sum())

    fitting = [genes for genes in all_genes() if _predict_ms(genes[np.newaxis])[0] <= budget_ms]
    ranks = sorted((log_probability(genes) for genes in fitting), reverse=True)
    assert log_probability(found) >= ranks[len(ranks) // 4]


def test_the_change_that_loses_least_for_what_it_saves_comes_first() -> None:
    """One loses 0.1 for a tenth of what is needed; the other 0.3 for all of it, and then nothing else need change."""
    small, large = LEAN.num_genes - 1, LEAN.image_size_gene
    log_probabilities = np.full((LEAN.num_genes, LEAN.gene_counts.max()), -100.0)
    log_probabilities[:, 0] = 0.0
    log_probabilities[LEAN.depth_genes, :2] = (-100.0, 0.0)
    log_probabilities[small, :2] = (-0.1, 0.0)
    log_probabilities[large, :2] = (-0.3, 0.0)

    def predict_ms(genes: np.ndarray) -> np.ndarray:
        return 1.0 + 0.01 * genes[:, small] + 0.2 * genes[:, large]

    found = most_probable_within(LEAN, log_probabilities, predict_ms, budget_ms=1.11)
    assert found[large] == 0
    assert found[small] == 1


def test_a_choice_that_must_not_be_taken_is_not_taken_even_if_nothing_else_fits() -> None:
    log_probabilities = _log_probabilities(0)
    gene = LEAN.image_size_gene
    log_probabilities[gene, 0] = -np.inf
    smallest_ms = float(_predict_ms(np.zeros((1, LEAN.num_genes), np.int32))[0])
    most_ms = smallest_ms + 0.5 * np.linspace(0.01, 0.03, LEAN.num_genes)[gene]
    with pytest.raises(InputError, match="none is found below"):
        most_probable_within(LEAN, log_probabilities, _predict_ms, budget_ms=most_ms)
    found = most_probable_within(LEAN, log_probabilities, _predict_ms, budget_ms=0.13)
    assert found[gene] == 1


def test_a_budget_that_nothing_keeps_within_is_refused() -> None:
    with pytest.raises(InputError, match=r"Received: 0\.05 ms, and none is found below 0\.1 ms"):
        most_probable_within(LEAN, _log_probabilities(0), _predict_ms, budget_ms=0.05)
