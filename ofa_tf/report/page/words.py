"""Numbers as the report shows them: with their units, and, where there is one, with their error."""

import decimal

from ofa_tf.base.numbers_in_words import points_in_words
from ofa_tf.report.cost_unit import CostUnit
from ofa_tf.report.page.contents import Accuracy

UNKNOWN = "\N{EN DASH}"
_PLUS_MINUS = "\N{PLUS-MINUS SIGN}"

_TIMES = " \N{MULTIPLICATION SIGN} "
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

# From so many on, a count of subnets is shown by its power of ten.
_SHOWN_IN_FULL = 10**6


def milliseconds(value: float | None) -> str:
    """A latency."""
    if value is None:
        return UNKNOWN
    return f"{value:.3g} ms"


def measured_latency(value: float | None, doubt: str | None) -> str:
    """A measured latency; marked if there is a reason not to trust it."""
    if value is None or doubt is None:
        return milliseconds(value)
    return f"{milliseconds(value)}, doubtful"


def predicted_latency(value: float | None, error: float | None) -> str:
    """A predicted latency, with the mean relative error of such predictions."""
    if value is None or error is None:
        return milliseconds(value)
    return f"{milliseconds(value)} {_PLUS_MINUS} {error:.1%}"


def accuracy(value: Accuracy | None) -> str:
    """An accuracy in percent, and its error in points."""
    if value is None:
        return UNKNOWN
    return f"{value.top1:.2%} {_PLUS_MINUS} {points_in_words(value.error)}"


def percent(value: float | None) -> str:
    """A share."""
    if value is None:
        return UNKNOWN
    return f"{value:.1%}"


def cost(name: str, value: float | None) -> str:
    """A cost in the unit that fits it, such as `352 kB`."""
    if value is None:
        return UNKNOWN
    return CostUnit.fitting(name, [value]).describe(value)


def count_of_subnets(number: int) -> str:
    """How many subnets there are, such as `48 subnets` and `2e+19 subnets`."""
    if number == 1:
        return "1 subnet"
    if number < _SHOWN_IN_FULL:
        return f"{number:,} subnets"
    # A number of hundreds of digits is too large for a float.
    leading, _, exponent = f"{decimal.Decimal(number):.1e}".partition("e+")
    return f"{leading}{_TIMES}10{_raised(int(exponent))} subnets"


def _raised(number: int) -> str:
    return str(number).translate(_RAISED)
