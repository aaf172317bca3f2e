"""REINFORCE: learning a distribution of archs from the rewards of those that were drawn. Loads NumPy only."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.studies.nas.arch_distribution import ArchDistribution

# Of the squared gradients, as in TuNAS's released code; there is no moving average of the gradients themselves.
_SQUARES_MOMENTUM = 0.999
_EPSILON = 1e-8


def absolute_reward(top1: float, latency_ms: float, budget_ms: float, beta: float) -> float:
    """Accuracy, less what latency differs from the budget in either direction.

    Args:
        top1: Accuracy in [0, 1].
        latency_ms: Of the arch, milliseconds.
        budget_ms: What it should be, milliseconds.
        beta: Weight of the relative difference, below 0.

    Reference: TuNAS, Bender et al., CVPR 2020, "absolute reward"; `reward_for_single_cost_model` of its released code.
    """
    return top1 + beta * abs(latency_ms / budget_ms - 1)


@dataclasses.dataclass(frozen=True)
class PolicyGradientSettings:
    """How fast a distribution learns.

    Args:
        learning_rate: Of its logits, in the first update.
        growth: How many times as large it is in the last one; it grows exponentially.
        baseline_momentum: Share of the old baseline that is kept in an update.

    Raises:
        InputError: If a value is out of range.

    Reference: TuNAS's released code, for growth and momentum. Its learning rate, 0.0003 for a batch of 256, is for
    tens of thousands of steps; in some hundred, of updates as large as the learning rate, it would move nothing.
    """

    learning_rate: float = 0.01
    growth: float = 10.0
    baseline_momentum: float = 0.95

    def __post_init__(self) -> None:
        if not 0 <= self.baseline_momentum < 1:
            raise InputError(
                f"Expected `baseline_momentum` to be in [0, 1). Received: baseline_momentum={self.baseline_momentum}."
            )
        if not (self.learning_rate >= 0 and self.growth > 0):
            raise InputError(
                "Expected `learning_rate` to be at least 0 and `growth` above 0. "
                f"Received: learning_rate={self.learning_rate}, growth={self.growth}."
            )


class PolicyGradient:
    """Makes archs more likely that were rewarded with more than those before, by REINFORCE with Adam's step sizes.

    Args:
        distribution: Changed in place.
        num_updates: How many there will be.
        settings: How fast it learns.

    Reference: Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning",
    Machine Learning 8, 1992.
    """

    def __init__(
        self, distribution: ArchDistribution, num_updates: int, settings: PolicyGradientSettings | None = None
    ) -> None:
        self._distribution = distribution
        self._num_updates = num_updates
        self._settings = settings or PolicyGradientSettings()
        self._num_done = 0
        self._mean_squares = np.zeros_like(distribution.logits)
        self.baseline: float | None = None

    def update(self, genes: np.ndarray, reward: float) -> None:
        """Learn from one arch, drawn from the distribution as it is.

        Args:
            genes: Of the arch, int `(num_genes,)`.
            reward: What it was worth.
        """
        # The baseline is that of earlier archs: one that this arch had a part in would favour it less than it deserves.
        if self.baseline is None:
            self.baseline = reward
        advantage = reward - self.baseline
        kept = self._settings.baseline_momentum
        self.baseline = kept * self.baseline + (1 - kept) * reward

        gradient = advantage * self._distribution.log_gradient(genes)
        self._distribution.logits += self._learning_rate() * self._scaled(gradient)
        self._num_done += 1

    def get_state(self) -> list[np.ndarray]:
        """Logits, and what they were learnt by; `set_state` puts them back."""
        baseline = math.nan if self.baseline is None else self.baseline
        return [self._distribution.logits.copy(), self._mean_squares.copy(), np.array([self._num_done, baseline])]

    def set_state(self, arrays: Sequence[np.ndarray]) -> None:
        """Reverse `get_state`."""
        logits, mean_squares, (num_done, baseline) = arrays
        self._distribution.logits[:] = logits
        self._mean_squares[:] = mean_squares
        self._num_done = int(num_done)
        self.baseline = None if math.isnan(baseline) else float(baseline)

    def _learning_rate(self) -> float:
        progress = self._num_done / max(1, self._num_updates - 1)
        return float(self._settings.learning_rate * self._settings.growth**progress)

    def _scaled(self, gradient: np.ndarray) -> np.ndarray:
        """The gradient of an entry over its usual size."""
        self._mean_squares *= _SQUARES_MOMENTUM
        self._mean_squares += (1 - _SQUARES_MOMENTUM) * gradient**2
        is_begun = 1 - _SQUARES_MOMENTUM ** (self._num_done + 1)
        usual_sizes = np.sqrt(self._mean_squares / is_begun)
        return gradient / (usual_sizes + _EPSILON)
