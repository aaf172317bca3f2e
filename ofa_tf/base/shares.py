"""How sure a share is that was counted, such as an accuracy."""

import math

# A share is clearly above another by so many standard errors.
_CLEAR_STANDARD_ERRORS = 2.0


def standard_error_of_share(num_hits: int, num_trials: int) -> float:
    """The standard error of a share, as an estimate of that in all trials there could be.

    One trial more of either kind is counted than there are (Agresti and Coull's "plus four", by
    half), so that a share of 0 or 1 is not taken for certain.

    Args:
        num_hits: How many trials went one way.
        num_trials: How many there were, at least 1.
    """
    smoothed = (num_hits + 1) / (num_trials + 2)
    return math.sqrt(smoothed * (1 - smoothed) / num_trials)


def is_clearly_above(share: float, num_trials: int, level: float) -> bool:
    """Whether a share is above a level by more than chance makes likely: by two of its standard errors.

    Args:
        share: That of `num_trials` trials.
        num_trials: How many there were, at least 1.
        level: A share that is known, such as that of always guessing the same.
    """
    error = standard_error_of_share(round(share * num_trials), num_trials)
    return share - _CLEAR_STANDARD_ERRORS * error > level
