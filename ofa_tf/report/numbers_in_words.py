"""Numbers as text, one rule for each kind of them: costs, limits, accuracies and their errors."""

from collections.abc import Mapping

# Numbers from here on are shown without decimals.
_WHOLE_FROM = 1000

# Of accuracies in percent and of their errors.
_LEAST_SHOWN_POINTS = 0.01


def short_number(value: float) -> str:
    """A cost or a limit, as short as it can be read."""
    if abs(value) >= _WHOLE_FROM:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def limits_in_words(limits: Mapping[str, float]) -> str:
    """Limits by the names of the costs, such as "latency_ms at most 0.1, macs at most 2,000,000"."""
    return ", ".join(f"{name} at most {short_number(limit)}" for name, limit in limits.items())


def points_in_words(difference: float) -> str:
    """A difference of accuracies, or the error of one, in percentage points, with as many decimals as accuracies have.

    One that would be shown as nothing is shown as "<0.01": no error is 0.

    Args:
        difference: In units of accuracy, at least 0.
    """
    points = 100 * difference
    if round(points, 2) < _LEAST_SHOWN_POINTS:
        return f"<{_LEAST_SHOWN_POINTS}"
    return f"{points:.2f}"


def accuracy_in_words(top1: float, error: float) -> str:
    """An accuracy in percent and its error in percentage points, such as "98.61% +- 1.18"."""
    return f"{top1:.2%} +- {points_in_words(error)}"
