"""What plots are drawn with: the elements of an SVG file."""

import html
from collections.abc import Sequence

import numpy as np

AREA_PX = 480  # height and width of the plotted area
MARGIN_PX = 64  # around it, for labels
TOTAL_PX = AREA_PX + 2 * MARGIN_PX
END_PX = MARGIN_PX + AREA_PX  # the area's right and lower edge
MIDDLE_PX = MARGIN_PX + AREA_PX / 2

_APPROXIMATE_NUM_TICKS = 6
_ROUND_FACTORS = (1, 2, 2.5, 5)  # times a power of ten
_ROUNDING = 1e-9  # relative; a step that is too short by this much will do


class Axis:
    """One axis of the plotted area.

    Args:
        ticks: Ascending values at equal distances; the first and the last are the area's edges.
    """

    def __init__(self, ticks: np.ndarray) -> None:
        self.ticks = ticks
        self.low = ticks[0]
        self.high = ticks[-1]

    @classmethod
    def over(cls, low: float, high: float) -> "Axis":
        """An axis with round ticks, from at most `low` to at least `high`."""
        return cls(make_ticks(low, high))

    def x_px(self, value: float) -> float:
        """Where a value lies on a horizontal axis, pixels from the left."""
        share = (value - self.low) / (self.high - self.low)
        return round(MARGIN_PX + share * AREA_PX, 2)

    def y_px(self, value: float) -> float:
        """Where a value lies on a vertical axis, pixels from the top."""
        return round(TOTAL_PX - self.x_px(value), 2)


def document(elements: Sequence[str]) -> str:
    """The text of an SVG file."""
    size = f'width="{TOTAL_PX}" height="{TOTAL_PX}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">',
        f'<rect {size} fill="white"/>',
        *elements,
        "</svg>",
        "",
    ]
    return "\n".join(lines)


def grid(horizontal: Axis, vertical: Axis) -> list[str]:
    """At each tick a line across the area, and its label."""
    elements = []
    for tick in horizontal.ticks:
        x = horizontal.x_px(tick)
        elements.append(f'<path d="M{x} {MARGIN_PX}V{END_PX}" stroke="#ddd"/>')
        elements.append(text(x, END_PX + 18, f"{tick:g}", "middle"))
    for tick in vertical.ticks:
        y = vertical.y_px(tick)
        elements.append(f'<path d="M{MARGIN_PX} {y}H{END_PX}" stroke="#ddd"/>')
        elements.append(text(MARGIN_PX - 8, y + 4, f"{tick:g}", "end"))
    return elements


def labels(title: str, horizontal: str, vertical: str) -> list[str]:
    """The heading, and what the axes show."""
    return [
        text(MIDDLE_PX, MARGIN_PX / 2, title, "middle"),
        text(MIDDLE_PX, TOTAL_PX - 16, horizontal, "middle"),
        text(-MIDDLE_PX, 18, vertical, "middle", ' transform="rotate(-90)"'),
    ]


def text(x: float, y: float, content: str, anchor: str, attributes: str = "") -> str:
    """A line of text; `anchor` is `"start"`, `"middle"` or `"end"`."""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{attributes}>{html.escape(content)}</text>'


def make_ticks(low: float, high: float) -> np.ndarray:
    """Round numbers from at most `low` to at least `high`, evenly spaced."""
    if high <= low:
        low, high = 0.9 * low, 1.1 * high
    step = _round_step((high - low) / (_APPROXIMATE_NUM_TICKS - 1))
    first = np.floor(low / step)
    last = np.ceil(high / step)
    return step * np.arange(first, last + 1)


def _round_step(at_least: float) -> float:
    """The smallest round number that is not below another number."""
    power = 10 ** np.floor(np.log10(at_least))
    for factor in _ROUND_FACTORS:
        step = factor * power
        if step >= at_least * (1 - _ROUNDING):
            return step
    return 10 * power
