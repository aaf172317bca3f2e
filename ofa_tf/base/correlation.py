"""How well one list of numbers puts things into the order of another."""

from collections.abc import Sequence

import numpy as np

_MIN_VALUES = 3  # Two values are always in perfect order, or perfectly out of it.


def rank_correlation(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> float | None:
    """Spearman's rank correlation; equal values share the mean of their ranks.

    Args:
        first: Values, such as predictions.
        second: As many others, such as the measurements of the same things.

    Returns:
        From -1 (reversed order) to 1 (same order), or `None` where it is not defined: for
        fewer than three values, or if all values of a list are equal.
    """
    if len(first) < _MIN_VALUES:
        return None
    if _are_equal(first) or _are_equal(second):
        return None

    # Importing scipy.stats takes longer than all else here, and most users of a latency model never ask for it.
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


def kendall_tau(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> float | None:
    """Kendall's rank correlation (tau-b): the share of pairs in the same order less that in the opposite one.

    Args:
        first: Values, such as predictions.
        second: As many others, such as the measurements of the same things.

    Returns:
        From -1 (reversed order) to 1 (same order), or `None` where it is not defined, as for `rank_correlation`.
    """
    if len(first) < _MIN_VALUES:
        return None
    if _are_equal(first) or _are_equal(second):
        return None
    from scipy.stats import kendalltau

    return float(kendalltau(first, second).statistic)


def _are_equal(values: Sequence[float] | np.ndarray) -> bool:
    return len(np.unique(values)) == 1
