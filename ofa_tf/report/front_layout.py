"""`FrontLayout`: where the points of a front and their numbers lie in its picture."""

import dataclasses
from collections.abc import Sequence

from ofa_tf.report.cost_unit import CostUnit
from ofa_tf.report.front_axes import choose_axes, error_bar, top1_percent
from ofa_tf.report.number_places import Box, place_numbers
from ofa_tf.report.svg import Frame
from ofa_tf.search.front.measured_front import Front, FrontPoint

RADIUS_PX = 4


@dataclasses.dataclass(frozen=True)
class Mark:
    """A measured arch and where it is drawn.

    Args:
        point: The arch.
        x: Of its point, pixels from the left.
        y: Of its point, pixels from the top, as what follows.
        bar_top: Upper end of its error bar.
        bar_bottom: Lower end of its error bar.
    """

    point: FrontPoint
    x: float
    y: float
    bar_top: float
    bar_bottom: float

    @property
    def box(self) -> Box:
        """The rectangle around its point."""
        return Box(self.x - RADIUS_PX, self.y - RADIUS_PX, self.x + RADIUS_PX, self.y + RADIUS_PX)

    @property
    def bar_box(self) -> Box:
        """The rectangle around its error bar."""
        return Box(self.x - 1, self.bar_top, self.x + 1, self.bar_bottom)


class FrontLayout:
    """Where things are in the picture of a front.

    Args:
        front: At least one measured arch.
        unit: Of the cost along the horizontal axis.
        limit: Of that cost, in its unit; `None` if there is none.

    Attributes:
        frame: The plotted area.
        best: Marks of the front, in the order of its numbers.
        others: Marks of the other measured archs that are in the picture.
        num_outside: How many of the others are not.
        number_places: For each mark of the front the place of its number; `None` where there is no room.
    """

    def __init__(self, front: Front, unit: CostUnit, limit: float | None) -> None:
        self._unit = unit
        others = [point for point in front.points if not point.is_on_front]
        horizontal, vertical = choose_axes(front.best, others, self._cost, limit)
        self.frame = Frame(
            horizontal,
            vertical,
            left=76,
            top=102,
            right=28,
            bottom=60,
            width=660,
            height=400,
        )

        shown = [point for point in others if self._is_shown(point)]
        self.best = [self._mark(point) for point in front.best]
        self.others = [self._mark(point) for point in shown]
        self.num_outside = len(others) - len(shown)
        self.number_places = self._place_numbers()

    def _cost(self, point: FrontPoint) -> float:
        return self._unit.convert(point.costs[self._unit.cost])

    def _is_shown(self, point: FrontPoint) -> bool:
        is_in_width = self.frame.horizontal.contains(self._cost(point))
        is_in_height = self.frame.vertical.contains(top1_percent(point))
        return is_in_width and is_in_height

    def _mark(self, point: FrontPoint) -> Mark:
        frame = self.frame
        low, high = error_bar(point)
        return Mark(
            point,
            x=frame.x(self._cost(point)),
            y=frame.y(top1_percent(point)),
            bar_top=frame.y(high),
            bar_bottom=frame.y(low),
        )

    def _place_numbers(self) -> Sequence[Box | None]:
        frame = self.frame
        area = Box(frame.left, frame.top, frame.end_x, frame.end_y)
        numbered = [mark.box for mark in self.best]
        bars = [mark.bar_box for mark in self.best]
        others = [mark.box for mark in self.others]
        return place_numbers(numbered, area, [*bars, *others])
