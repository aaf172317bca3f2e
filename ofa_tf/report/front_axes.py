"""Which values the picture of a front shows."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from ofa_tf.report.axes import Axis
from ofa_tf.search.front.measured_front import FrontPoint

# What is farther from the front than this share of what the front itself extends over is not shown; a limit may be
# farther, as there is but one.
_NEAR = 0.5
_NEAR_LIMIT = 1.0
# Percentage points. Accuracies that hardly differ are not drawn as if they did.
_MIN_HEIGHT = 0.5


@dataclasses.dataclass(frozen=True)
class _Range:
    low: float
    high: float

    @classmethod
    def over(cls, values: Iterable[float]) -> "_Range":
        values = list(values)
        return cls(min(values), max(values))

    @property
    def length(self) -> float:
        return self.high - self.low

    def widened(self, by: float) -> "_Range":
        return _Range(self.low - by, self.high + by)

    def contains(self, value: float) -> bool:
        return self.low <= value <= self.high


def top1_percent(point: FrontPoint) -> float:
    """The estimated accuracy of an arch, which is what the picture shows."""
    return _percent(point.estimated_top1)


def error_bar(point: FrontPoint) -> tuple[float, float]:
    """One standard deviation below and above the estimated accuracy, percent."""
    low = _percent(point.estimated_top1 - point.estimated_std)
    high = _percent(point.estimated_top1 + point.estimated_std)
    return low, high


def _percent(share: float) -> float:
    """An estimate in percent, without what is impossible."""
    return min(max(100 * share, 0.0), 100.0)


def choose_axes(
    best: Sequence[FrontPoint],
    others: Sequence[FrontPoint],
    cost_of: Callable[[FrontPoint], float],
    limit: float | None,
) -> tuple[Axis, Axis]:
    """The axes of costs and of accuracies, which reach all of a front with its error bars, and what is near it.

    Args:
        best: The front.
        others: The other measured archs.
        cost_of: The cost along the horizontal axis.
        limit: Of that cost; `None` if there is none.
    """
    costs = _Range.over(map(cost_of, best))
    near_costs = costs.widened(_NEAR * costs.length)
    bar_ends: list[float] = []
    for point in best:
        bar_ends.extend(error_bar(point))
    top1 = _Range.over(bar_ends)
    near_top1 = top1.widened(_NEAR * max(top1.length, _MIN_HEIGHT))

    shown = [*best]
    for point in others:
        if near_costs.contains(cost_of(point)) and near_top1.contains(top1_percent(point)):
            shown.append(point)
    shown_costs = [cost_of(point) for point in shown]
    if limit is not None and costs.widened(_NEAR_LIMIT * costs.length).contains(limit):
        shown_costs.append(limit)
    shown_top1 = [*bar_ends, *map(top1_percent, shown)]
    return Axis.of_costs(min(shown_costs), max(shown_costs)), _axis_of_top1(_Range.over(shown_top1))


def _axis_of_top1(top1: _Range) -> Axis:
    missing = max(_MIN_HEIGHT - top1.length, 0.0)
    top1 = top1.widened(missing / 2)
    return Axis.padded(max(top1.low, 0.0), min(top1.high, 100.0), least=0.0, most=100.0)
