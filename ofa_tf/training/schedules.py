"""How long a phase lasts, and its learning rate at each step."""

import dataclasses
import math

from ofa_tf.training.config import PhaseConfig


@dataclasses.dataclass(frozen=True)
class PhaseSchedule:
    """The steps of a phase, counted from 0 over all its epochs.

    Args:
        settings: Settings of the phase.
        steps_per_epoch: Steps of one epoch.
    """

    settings: PhaseConfig
    steps_per_epoch: int

    @property
    def num_steps(self) -> int:
        """Steps of the whole phase."""
        return self.settings.epochs * self.steps_per_epoch

    @property
    def num_warmup_steps(self) -> int:
        """Steps in which the learning rate rises."""
        return round(self.settings.warmup_epochs * self.steps_per_epoch)

    def learning_rate(self, step: int) -> float:
        """The learning rate of a step."""
        return warmup_cosine(step, self.settings.learning_rate, self.num_steps, self.num_warmup_steps)

    def rest_of_epoch(self, epoch: int, num_steps_done: int) -> "EpochSteps":
        """What is left of an epoch.

        Args:
            epoch: Number of the epoch, from 0.
            num_steps_done: Steps of the phase that were taken. All of the epoch may be among
                them, so that only its validation is left.
        """
        first_step = num_steps_done - epoch * self.steps_per_epoch
        return EpochSteps(epoch, first_step, self.steps_per_epoch)


@dataclasses.dataclass(frozen=True)
class EpochSteps:
    """The steps of an epoch, or the last ones of an epoch that was interrupted.

    Args:
        epoch: Number of the epoch, from 0.
        first_step: First step to take, counted within the epoch.
        end: Steps of the whole epoch.
    """

    epoch: int
    first_step: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first_step

    def is_last(self, step: int) -> bool:
        """Whether a step, counted within the epoch, is the epoch's last one."""
        return step + 1 == self.end


def warmup_cosine(
    step: int,
    peak: float,
    num_steps: int,
    num_warmup_steps: int = 0,
) -> float:
    """Linear rise to `peak`, then half a cosine down to 0.

    Args:
        step: Step about to be taken, from 0.
        peak: Highest learning rate.
        num_steps: Steps of the phase, warm-up included.
        num_warmup_steps: Steps of the rise.

    Reference: Once-for-All, section 4.1 (cosine schedule).
    """
    if step < num_warmup_steps:
        return peak * (step + 1) / num_warmup_steps
    progress = (step - num_warmup_steps) / max(1, num_steps - num_warmup_steps)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))
