"""Numbers as text, one rule for each kind of them: costs, limits, accuracies and their errors."""

from collections.abc import Mapping

# Numbers from here on are shown without decimals.
_WHOLE_FROM = 1000

# Of accuracies in percent and of their errors.
_LEAST_SHOWN_POINTS = 0.01

# Of shares by which a cost is higher, in percent.
_LEAST_SHOWN_PERCENT = 0.1


def short_number(value: float) -> str:
    """A cost, as short as it can be read."""
    if abs(value) >= _WHOLE_FROM:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def limit_in_words(limit: float) -> str:
    """A limit as it was given: one that is rounded up would seem to allow what it does not."""
    # With so many digits, every decimal number is shown as it was typed.
    return f"{limit:,.15g}"


def limits_in_words(limits: Mapping[str, float], margins: Mapping[str, float] | None = None) -> str:
    """Limits by the names of the costs, such as "latency_ms at most 0.1, macs at most 2,000,000".

    Args:
        limits: By the names of the costs.
        margins: By which share a cost was taken to be higher than predicted, to keep its limit; of those that have one.
    """
    margins = margins or {}
    described = []
    for name, limit in limits.items():
        words = f"{name} at most {limit_in_words(limit)}"
        if name in margins:
            words += f" (with a margin of {share_in_words(margins[name])})"
        described.append(words)
    return ", ".join(described)


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


def share_in_words(share: float) -> str:
    """By which share a cost is higher, in percent; one that would be shown as nothing is shown as "<0.1%".

    Args:
        share: Above 0.
    """
    percent = 100 * share
    if round(percent, 1) < _LEAST_SHOWN_PERCENT:
        return f"<{_LEAST_SHOWN_PERCENT}%"
    return f"{percent:.1f}%"


def accuracy_in_words(top1: float, error: float) -> str:
    """An accuracy in percent and its error in percentage points, such as "98.61% +- 1.18"."""
    return f"{top1:.2%} +- {points_in_words(error)}"


def correlation_in_words(value: float | None) -> str:
    """A correlation; `None` where it is not defined, as for equal values."""
    if value is None:
        return "not defined"
    return f"{value:.3f}"
