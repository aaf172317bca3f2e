"""Latency budgets to search for, where nobody names any."""

from collections.abc import Sequence

import numpy as np


def spread_budgets_ms(smallest_ms: float, largest_ms: float, fractions: Sequence[float]) -> list[float]:
    """Latency budgets between those of the smallest and the largest subnet.

    Args:
        smallest_ms: Latency of the smallest subnet, milliseconds.
        largest_ms: That of the largest one.
        fractions: Where the budgets lie between them, on a logarithmic scale.

    Returns:
        The budgets, rounded up to microseconds, milliseconds.
    """
    budgets_ms = []
    for fraction in fractions:
        # Multiplied from left to right: another order rounds otherwise, and a budget may differ by a microsecond.
        budget_us = 1000 * smallest_ms * (largest_ms / smallest_ms) ** fraction
        budgets_ms.append(float(np.ceil(budget_us) / 1000))
    return budgets_ms
