import collections

import numpy as np
import pytest

from ofa_tf.studies.nas.arch_distribution import ArchDistribution
from tests.support.small_choices import LEAN, all_genes


def _drawn_logits(seed: int) -> ArchDistribution:
    distribution = ArchDistribution(LEAN)
    distribution.logits += np.random.default_rng(seed).standard_normal(distribution.logits.shape)
    return distribution


def _log_probability(distribution: ArchDistribution, genes: np.ndarray) -> float:
    """Choice by choice."""
    total = 0.0
    for gene, choice in enumerate(genes):
        logits = distribution.logits[gene, : LEAN.gene_counts[gene]]
        total += logits[choice] - np.log(np.exp(logits).sum())
    return float(total)


def test_all_choices_are_equally_likely_at_first() -> None:
    probabilities = ArchDistribution(LEAN).probabilities()
    for gene, count in enumerate(LEAN.gene_counts):
        np.testing.assert_allclose(probabilities[gene, :count], 1 / count)
        np.testing.assert_array_equal(probabilities[gene, count:], 0)


def test_archs_are_drawn_as_often_as_they_are_likely() -> None:
    distribution = _drawn_logits(1)
    rng = np.random.default_rng(0)
    num_drawn = 4000
    counts = collections.Counter(tuple(distribution.sample(rng)) for _ in range(num_drawn))
    for genes in all_genes():
        expected = np.exp(_log_probability(distribution, genes))
        deviation = (expected * (1 - expected) / num_drawn) ** 0.5
        assert counts[tuple(genes)] / num_drawn == pytest.approx(expected, abs=5 * deviation)


def test_on_average_the_log_gradient_is_that_of_the_expected_reward() -> None:
    """By enumeration of all archs, against finite differences; networks that are equal are worth the same."""
    distribution = _drawn_logits(2)
    worth = {}
    for number, genes in enumerate(all_genes()):
        network = tuple(LEAN.canonical_genes(genes))
        worth.setdefault(network, np.sin(number))

    def expected_reward() -> float:
        total = 0.0
        for genes in all_genes():
            probability = np.exp(_log_probability(distribution, genes))
            total += probability * worth[tuple(LEAN.canonical_genes(genes))]
        return total

    gradient = np.zeros_like(distribution.logits)
    for genes in all_genes():
        probability = np.exp(_log_probability(distribution, genes))
        gradient += probability * worth[tuple(LEAN.canonical_genes(genes))] * distribution.log_gradient(genes)

    step = 1e-6
    for gene, count in enumerate(LEAN.gene_counts):
        for choice in range(count):
            distribution.logits[gene, choice] += step
            above = expected_reward()
            distribution.logits[gene, choice] -= 2 * step
            below = expected_reward()
            distribution.logits[gene, choice] += step
            assert gradient[gene, choice] == pytest.approx((above - below) / (2 * step), abs=1e-8)


def test_nothing_is_learnt_about_the_genes_of_skipped_blocks() -> None:
    smallest = np.zeros(LEAN.num_genes, np.int32)
    gradient = ArchDistribution(LEAN).log_gradient(smallest)
    is_active = LEAN.active_genes(smallest)
    assert not is_active.all()
    assert not gradient[~is_active].any()


def test_the_entropy_goes_from_1_to_0_as_choices_are_made() -> None:
    distribution = ArchDistribution(LEAN)
    assert distribution.entropy() == pytest.approx(1)
    distribution.logits[:, 0] = 100
    assert distribution.entropy() == pytest.approx(0)
