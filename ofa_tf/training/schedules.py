"""Learning rates."""

import math


def warmup_cosine(step: int, peak: float, num_steps: int, num_warmup_steps: int = 0) -> float:
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
