"""`Axis`: the range of values that a picture shows in one direction, and where its ticks are."""

import dataclasses
import math

import numpy as np

# Of an axis that ends at ticks; where they are within it, some of them are lost.
_NUM_TICKS = 6
_NUM_TICKS_OF_PADDED = 8
_ROUND_FACTORS = (1, 2, 2.5, 5)  # times a power of ten
_ROUNDING = 1e-9  # relative; a step that is too short by this much will do

_PADDING = 0.05  # of the range, on both sides, so that no point lies on the edge
_MARGIN_OF_ONE_COST = 0.25  # of that cost
_MIN_RATIO_OF_LOGARITHMIC = 10.0
_MAX_LOGARITHMIC_TICKS = 8
# Of ticks on a logarithmic axis, times powers of ten: the first of these that are not too many.
_LOGARITHMIC_FACTORS = ((1, 2, 5), (1,))


@dataclasses.dataclass(frozen=True)
class Axis:
    """One axis of the plotted area.

    Args:
        low: Value at its beginning.
        high: Value at its end.
        ticks: Ascending values that have a line and a label.
        is_logarithmic: Whether equal distances are equal ratios.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    is_logarithmic: bool = False

    @classmethod
    def over(cls, low: float, high: float) -> "Axis":
        """An axis with round ticks, the first of them at most `low` and the last at least `high`; it ends there."""
        ticks = make_ticks(low, high).tolist()
        return cls(ticks[0], ticks[-1], tuple(ticks))

    @classmethod
    def padded(cls, low: float, high: float, *, least: float = -math.inf, most: float = math.inf) -> "Axis":
        """An axis that is a little longer than the range from `low` to `high`, within `least` and `most`."""
        padding = _PADDING * (high - low)
        low = max(low - padding, least)
        high = min(high + padding, most)
        return cls(low, high, _within(make_ticks(low, high, _NUM_TICKS_OF_PADDED), low, high))

    @classmethod
    def of_costs(cls, low: float, high: float) -> "Axis":
        """A padded axis of values above 0, logarithmic if they span more than a decade."""
        if high == low:
            return cls.padded((1 - _MARGIN_OF_ONE_COST) * low, (1 + _MARGIN_OF_ONE_COST) * high)
        if high <= _MIN_RATIO_OF_LOGARITHMIC * low:
            return cls.padded(low, high)
        factor = (high / low) ** _PADDING
        low, high = low / factor, high * factor
        return cls(low, high, _logarithmic_ticks(low, high), is_logarithmic=True)

    def share(self, value: float) -> float:
        """How far along the axis a value lies: 0 at its beginning, 1 at its end."""
        if self.is_logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def contains(self, value: float) -> bool:
        """Whether the axis reaches a value."""
        return self.low <= value <= self.high


def make_ticks(low: float, high: float, approximate_number: int = _NUM_TICKS) -> np.ndarray:
    """Round numbers from at most `low` to at least `high`, evenly spaced."""
    if high <= low:
        low, high = 0.9 * low, 1.1 * high
    step = _round_step((high - low) / (approximate_number - 1))
    first = np.floor(low / step)
    last = np.ceil(high / step)
    return step * np.arange(first, last + 1)


def tick_text(tick: float) -> str:
    """The label of a tick, without the digits that rounding leaves behind."""
    return f"{tick:,.10g}"


def _round_step(at_least: float) -> float:
    """The smallest round number that is not below another number."""
    power = 10 ** np.floor(np.log10(at_least))
    for factor in _ROUND_FACTORS:
        step = factor * power
        if step >= at_least * (1 - _ROUNDING):
            return step
    return 10 * power


def _logarithmic_ticks(low: float, high: float) -> tuple[float, ...]:
    """Round numbers between two others, a few in each decade."""
    exponents = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    powers = 10.0 ** np.array(exponents)
    for factors in _LOGARITHMIC_FACTORS:
        ticks = _within(np.outer(powers, factors).ravel(), low, high)
        if len(ticks) <= _MAX_LOGARITHMIC_TICKS:
            return ticks
    every = math.ceil(len(ticks) / _MAX_LOGARITHMIC_TICKS)
    return ticks[::every]


def _within(ticks: np.ndarray, low: float, high: float) -> tuple[float, ...]:
    """Those ticks that are not beyond the ends of a range."""
    rounding = _ROUNDING * (high - low)
    is_within = (ticks >= low - rounding) & (ticks <= high + rounding)
    return tuple(ticks[is_within].tolist())
