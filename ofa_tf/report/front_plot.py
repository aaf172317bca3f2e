"""A front of accuracy against costs, as a picture."""

import dataclasses
import html
from collections.abc import Mapping, Sequence

from ofa_tf.base.numbers_in_words import accuracy_in_words
from ofa_tf.report import svg
from ofa_tf.report.axes import Axis
from ofa_tf.report.color_scale import ColorScale
from ofa_tf.report.cost_limit import CostLimit
from ofa_tf.report.cost_unit import CostUnit
from ofa_tf.report.front_layout import RADIUS_PX, FrontLayout, Mark
from ofa_tf.report.number_places import NUMBER_FONT_PX
from ofa_tf.report.svg import Frame
from ofa_tf.search.front.measured_front import Front, FrontPoint

# Beside the vertical axis; earlier versions called it otherwise.
_TOP1_LABEL = "top-1, % (estimated)"
_EARLIER_TOP1_LABEL = "estimated top-1, %"

_FRONT_COLOR = "#1f5fa8"
_OTHER_COLOR = "#999"
_LIMIT_COLOR = "#a33"
# Beside points that have a scale of colors, of which the light ones would hardly be seen on white.
_NEUTRAL_COLOR = "#555"
_OUTLINE = ' stroke="#222" stroke-width="0.7"'

_OTHER_RADIUS_PX = 3
_TITLE_FONT_PX = 16
# The baselines of the texts above the plotted area, from the top.
_TITLE_PX = 26
_EXPLANATION_PX = 47
_LEGEND_PX = 70
_LIMIT_PX = 94
# From a text to what is beside it.
_GAP_PX = 28
# From the plotted area to the scale of colors, and to what is right of it.
_SCALE_PX = 40
_WITH_SCALE_PX = 116


def front_svg(
    front: Front,
    costs: Sequence[str],
    *,
    title: str,
    file_name: str,
    limits: Mapping[str, CostLimit] | None = None,
) -> str:
    """The front, with numbers and error bars, and the other measured archs near it.

    The points of a front of one cost are connected by steps: what is best for each budget. For those of two costs, no
    line says that; they have the second cost as their color.

    Args:
        front: At least one measured arch.
        costs: Names of the costs of the front, one or two; the first is along the horizontal axis.
        title: Heading.
        file_name: Of the JSON with the front, where subnets have these numbers.
        limits: By the names of the costs that are limited. That of the first cost of the front is a line.

    Returns:
        The text of an SVG file.
    """
    return _FrontPicture(front, costs, limits or {}).draw(title, file_name)


def is_front_svg(text: str) -> bool:
    """Whether a text is a picture that `front_svg` drew, in this or an earlier version."""
    if not text.startswith("<svg"):
        return False
    return any(f">{label}</text>" in text for label in (_TOP1_LABEL, _EARLIER_TOP1_LABEL))


class _FrontPicture:
    """See `front_svg`."""

    def __init__(self, front: Front, costs: Sequence[str], limits: Mapping[str, CostLimit]) -> None:
        self._units = [CostUnit.fitting(cost, [point.costs[cost] for point in front.best]) for cost in costs]
        self._limits = limits
        self._limit = limits.get(costs[0])
        limit = None
        if self._limit is not None:
            limit = self._units[0].convert(self._limit.value)
        self._layout = FrontLayout(front, self._units[0], limit)
        self._frame = self._layout.frame
        self._scale = self._make_scale()

    def draw(self, title: str, file_name: str) -> str:
        """The text of the SVG file."""
        frame = self._frame
        explanation = self._explain(file_name)
        elements = [
            svg.text(frame.left, _TITLE_PX, title, "start", f' font-size="{_TITLE_FONT_PX}" font-weight="bold"'),
            svg.text(frame.left, _EXPLANATION_PX, explanation, "start"),
            *self._legend(),
            *svg.grid(frame),
            *svg.axis_labels(frame, self._units[0].label, _TOP1_LABEL),
            *self._limit_line(),
            *self._other_circles(),
            *self._error_bars(),
            *self._steps(),
            *self._front_circles(),
            *self._numbers(),
        ]
        if self._scale is not None:
            elements += self._scale.draw(frame.end_x + _SCALE_PX, frame.top)
        text_width = max(svg.text_width(title, _TITLE_FONT_PX), svg.text_width(explanation))
        return svg.document(self._widened_for(text_width), elements)

    def _widened_for(self, text_width: float) -> Frame:
        """The frame with a right margin for the scale of colors, and for texts that start where the frame does."""
        frame = self._frame
        right = max(frame.right, text_width - frame.width + _GAP_PX)
        if self._scale is not None:
            right = max(right, _WITH_SCALE_PX)
        return dataclasses.replace(frame, right=right)

    # --- the second cost ------------------------------------------------------

    def _make_scale(self) -> ColorScale | None:
        """The colors of the second cost, if there is one."""
        if len(self._units) == 1:
            return None
        values = [self._second_cost(mark) for mark in self._layout.best]
        return ColorScale(self._units[1].label, Axis.of_costs(min(values), max(values)))

    def _second_cost(self, mark: Mark) -> float:
        unit = self._units[1]
        return unit.convert(mark.point.costs[unit.cost])

    def _color(self, mark: Mark) -> str:
        if self._scale is None:
            return _FRONT_COLOR
        return self._scale.color(self._second_cost(mark))

    # --- texts ----------------------------------------------------------------

    def _explain(self, file_name: str) -> str:
        """What bars and numbers are, and which costs are limited beside that along the axis."""
        described = []
        for cost, limit in self._limits.items():
            if cost == self._units[0].cost:
                continue
            unit = CostUnit.fitting(cost, [limit.value])
            described.append(f"{unit.words} {limit.describe(unit)}")
        words = ""
        if described:
            words = f"limits: {', '.join(described)}; "
        words += f"bars: one standard deviation of the estimate; numbers: N of --arch={file_name}:N"
        if None in self._layout.number_places:
            words += " (where there is room)"
        return words

    def _legend(self) -> list[str]:
        """A row of what the points are."""
        x = self._frame.left + RADIUS_PX
        y = _LEGEND_PX - RADIUS_PX
        words = "front"
        color = _FRONT_COLOR
        outline = ""
        if self._scale is not None:
            words = f"front, colored by {self._units[1].words}"
            color = self._scale.color(self._scale.axis.high)
            outline = _OUTLINE
        elements = [svg.circle(x, y, RADIUS_PX, color, outline), svg.text(x + 12, _LEGEND_PX, words, "start")]
        others = self._describe_others()
        if others:
            x += 12 + svg.text_width(words) + _GAP_PX
            elements.append(svg.circle(x, y, _OTHER_RADIUS_PX, _OTHER_COLOR))
            elements.append(svg.text(x + 10, _LEGEND_PX, others, "start"))
        return elements

    def _describe_others(self) -> str:
        num_outside = self._layout.num_outside
        if num_outside == 0:
            return "other measured subnets" if self._layout.others else ""
        verb = "is" if num_outside == 1 else "are"
        return f"other measured subnets ({num_outside} {verb} outside of the picture)"

    def _tooltip(self, heading: str, point: FrontPoint) -> str:
        """What is known of an arch, shown by viewers when the mouse is over its point."""
        lines = [heading]
        for unit in self._units:
            lines.append(f"{unit.words}: {unit.describe(point.costs[unit.cost])}")
        estimated = accuracy_in_words(point.estimated_top1, point.estimated_std)
        lines.append(f"estimated top-1: {estimated}")
        if point.reported is not None:
            reported = accuracy_in_words(point.reported.top1, point.reported.standard_error)
            lines.append(f"reported top-1: {reported}")
        content = html.escape("\n".join(lines), quote=False)
        return f"<title>{content}</title>"

    # --- layers ---------------------------------------------------------------

    def _limit_line(self) -> list[str]:
        """A dashed line where the cost has its limit, with a text above the area; an arrow to one that is not in it."""
        if self._limit is None:
            return []
        frame = self._frame
        unit = self._units[0]
        words = f"limit {self._limit.describe(unit)}"
        fill = f' fill="{_LIMIT_COLOR}"'
        value = unit.convert(self._limit.value)
        if not frame.horizontal.contains(value):
            # A limit is above all costs.
            return [svg.text(frame.end_x, _LIMIT_PX, f"{words} \N{RIGHTWARDS ARROW}", "end", fill)]
        x = frame.x(value)
        is_in_right_half = x > frame.left + frame.width / 2
        anchor = "end" if is_in_right_half else "start"
        path = f"M{x} {frame.top - 5:g}V{frame.end_y:g}"
        line = f'<path d="{path}" stroke="{_LIMIT_COLOR}" stroke-dasharray="6 4"/>'
        return [line, svg.text(x, _LIMIT_PX, words, anchor, fill)]

    def _other_circles(self) -> list[str]:
        elements = []
        for mark in self._layout.others:
            tooltip = self._tooltip("not on the front", mark.point)
            elements.append(svg.circle(mark.x, mark.y, _OTHER_RADIUS_PX, _OTHER_COLOR, content=tooltip))
        return elements

    def _error_bars(self) -> list[str]:
        color = _FRONT_COLOR if self._scale is None else _NEUTRAL_COLOR
        elements = []
        for mark in self._layout.best:
            path = f"M{mark.x} {mark.bar_bottom}V{mark.bar_top}"
            elements.append(f'<path d="{path}" stroke="{color}" stroke-opacity="0.4"/>')
        return elements

    def _steps(self) -> list[str]:
        """A line of steps: what is best for each budget."""
        if self._scale is not None:
            return []
        first, *following = self._layout.best
        path = f"M{first.x} {first.y}"
        for mark in following:
            path += f"H{mark.x}V{mark.y}"
        return [f'<path d="{path}" fill="none" stroke="{_FRONT_COLOR}" stroke-opacity="0.6"/>']

    def _front_circles(self) -> list[str]:
        outline = "" if self._scale is None else _OUTLINE
        elements = []
        for number, mark in enumerate(self._layout.best):
            tooltip = self._tooltip(f"number {number}", mark.point)
            elements.append(svg.circle(mark.x, mark.y, RADIUS_PX, self._color(mark), outline, tooltip))
        return elements

    def _numbers(self) -> list[str]:
        elements = []
        for number, place in enumerate(self._layout.number_places):
            if place is None:
                continue
            middle = (place.left + place.right) / 2
            elements.append(svg.text(middle, place.bottom, str(number), "middle", f' font-size="{NUMBER_FONT_PX}"'))
        return elements
