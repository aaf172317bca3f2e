import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.studies.nas.arch_distribution import ArchDistribution
from ofa_tf.studies.nas.policy_gradient import PolicyGradient, PolicyGradientSettings, absolute_reward
from tests.support.small_choices import LEAN, all_genes

_NUM_UPDATES = 400


def test_the_reward_falls_on_both_sides_of_the_budget() -> None:
    assert absolute_reward(0.7, 0.2, 0.2, beta=-0.1) == pytest.approx(0.7)
    assert absolute_reward(0.7, 0.3, 0.2, beta=-0.1) == pytest.approx(0.65)
    assert absolute_reward(0.7, 0.1, 0.2, beta=-0.1) == pytest.approx(0.65)


def _reward(genes: np.ndarray) -> float:
    """An accuracy that rises with most choices, and a latency that rises with all."""
    canonical = LEAN.canonical_genes(genes)
    accuracy = 0.5 + 0.04 * float(canonical @ np.linspace(1, 2, LEAN.num_genes))
    latency_ms = 0.1 + 0.03 * float(canonical.sum())
    return absolute_reward(accuracy, latency_ms, budget_ms=0.2, beta=-0.5)


def _learn(settings: PolicyGradientSettings) -> np.ndarray:
    """The most probable network after some hundred noisy rewards."""
    distribution = ArchDistribution(LEAN)
    policy = PolicyGradient(distribution, _NUM_UPDATES, settings)
    rng = np.random.default_rng(0)
    for _ in range(_NUM_UPDATES):
        genes = distribution.sample(rng)
        policy.update(genes, _reward(genes) + 0.02 * rng.standard_normal())
    return LEAN.canonical_genes(distribution.probabilities().argmax(axis=1))


def test_the_best_arch_of_a_space_becomes_the_most_probable() -> None:
    rewards = [_reward(genes) for genes in all_genes()]
    found = _reward(_learn(PolicyGradientSettings()))
    assert found >= np.quantile(rewards, 0.98)
    assert found > _reward(_learn(PolicyGradientSettings(learning_rate=0.0)))


def test_an_arch_that_is_worth_more_than_those_before_becomes_more_likely() -> None:
    distribution = ArchDistribution(LEAN)
    policy = PolicyGradient(distribution, _NUM_UPDATES)
    largest = LEAN.gene_counts - 1
    policy.update(largest, 0.5)  # nothing was before it
    np.testing.assert_array_equal(distribution.logits, 0)

    policy.update(largest, 0.6)
    after_more = distribution.probabilities()[np.arange(LEAN.num_genes), largest]
    assert (after_more > 1 / LEAN.gene_counts).all()

    policy.update(largest, 0.1)
    after_less = distribution.probabilities()[np.arange(LEAN.num_genes), largest]
    assert (after_less < after_more).all()


def test_the_baseline_is_the_moving_average_of_the_rewards_before() -> None:
    policy = PolicyGradient(ArchDistribution(LEAN), 3, PolicyGradientSettings(baseline_momentum=0.75))
    genes = np.zeros(LEAN.num_genes, np.int32)
    for reward in (0.4, 0.8, 0.2):
        policy.update(genes, reward)
    assert policy.baseline == pytest.approx(0.75 * (0.75 * 0.4 + 0.25 * 0.8) + 0.25 * 0.2)


@pytest.mark.parametrize("changes", [{"baseline_momentum": 1.0}, {"learning_rate": -0.1}, {"growth": 0.0}])
def test_settings_out_of_range_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        PolicyGradientSettings(**changes)
