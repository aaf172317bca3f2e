"""Predicted against measured values, as a picture."""

import html
from collections.abc import Sequence

import numpy as np

_AREA_PX = 480  # height and width of the plotted area
_MARGIN_PX = 64  # around it, for labels
_TOTAL_PX = _AREA_PX + 2 * _MARGIN_PX
_END_PX = _MARGIN_PX + _AREA_PX  # the area's right and lower edge
_MIDDLE_PX = _MARGIN_PX + _AREA_PX / 2

_APPROXIMATE_NUM_TICKS = 6
_ROUND_FACTORS = (1, 2, 2.5, 5)  # times a power of ten
_ROUNDING = 1e-9  # relative; a step that is too short by this much will do


class _Area:
    """The plotted area: a square whose two axes have the same scale.

    Args:
        ticks: Ascending values at equal distances; the first and the last are the area's edges.
    """

    def __init__(self, ticks: np.ndarray) -> None:
        self.ticks = ticks
        self.low = ticks[0]
        self.high = ticks[-1]

    def x_px(self, value: float) -> float:
        """Where a value lies on the horizontal axis, pixels from the left."""
        share = (value - self.low) / (self.high - self.low)
        return round(_MARGIN_PX + share * _AREA_PX, 2)

    def y_px(self, value: float) -> float:
        """Where a value lies on the vertical axis, pixels from the top."""
        return round(_TOTAL_PX - self.x_px(value), 2)


def scatter_svg(
    measured: Sequence[float] | np.ndarray,
    predicted: Sequence[float] | np.ndarray,
    *,
    title: str,
    measured_label: str,
    predicted_label: str,
    tolerance: float = 0.1,
) -> str:
    """A scatter plot with the line of perfect predictions and those that are off by a tolerance.

    Args:
        measured: Measured values, along the horizontal axis, at least one, positive.
        predicted: Their predictions, as many.
        title: Heading.
        measured_label: Label of the horizontal axis.
        predicted_label: Label of the vertical axis.
        tolerance: Relative deviation of the dashed lines.

    Returns:
        The text of an SVG file.
    """
    values = np.concatenate([np.asarray(measured, float), np.asarray(predicted, float)])
    area = _Area(_make_ticks(float(values.min()), float(values.max())))
    elements = [
        _clip_path(),
        *_grid(area),
        *_diagonals(area, tolerance),
        *_points(area, measured, predicted),
        _text(_MIDDLE_PX, _MARGIN_PX / 2, f"{title} (dashed: {tolerance:.0%} off)", "middle"),
        _text(_MIDDLE_PX, _TOTAL_PX - 16, measured_label, "middle"),
        _text(-_MIDDLE_PX, 18, predicted_label, "middle", ' transform="rotate(-90)"'),
    ]
    return _document(elements)


def _document(elements: Sequence[str]) -> str:
    size = f'width="{_TOTAL_PX}" height="{_TOTAL_PX}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">',
        f'<rect {size} fill="white"/>',
        *elements,
        "</svg>",
        "",
    ]
    return "\n".join(lines)


def _clip_path() -> str:
    """What keeps the diagonals within the area."""
    rectangle = f'<rect x="{_MARGIN_PX}" y="{_MARGIN_PX}" width="{_AREA_PX}" height="{_AREA_PX}"/>'
    return f'<clipPath id="area">{rectangle}</clipPath>'


def _grid(area: _Area) -> list[str]:
    """At each tick, a line up, a line across and their labels."""
    elements = []
    for tick in area.ticks:
        x, y = area.x_px(tick), area.y_px(tick)
        lines = f"M{x} {_MARGIN_PX}V{_END_PX}M{_MARGIN_PX} {y}H{_END_PX}"
        elements.append(f'<path d="{lines}" stroke="#ddd"/>')
        elements.append(_text(x, _END_PX + 18, f"{tick:g}", "middle"))
        elements.append(_text(_MARGIN_PX - 8, y + 4, f"{tick:g}", "end"))
    return elements


def _diagonals(area: _Area, tolerance: float) -> list[str]:
    """The line of perfect predictions between two dashed ones."""
    elements = []
    for factor in (1 - tolerance, 1.0, 1 + tolerance):
        start = f"{area.x_px(area.low)} {area.y_px(factor * area.low)}"
        end = f"{area.x_px(area.high)} {area.y_px(factor * area.high)}"
        dashes = ' stroke-dasharray="6 4"'
        if factor == 1:
            dashes = ""
        elements.append(f'<path d="M{start}L{end}" stroke="#888"{dashes} clip-path="url(#area)"/>')
    return elements


def _points(
    area: _Area,
    measured: Sequence[float] | np.ndarray,
    predicted: Sequence[float] | np.ndarray,
) -> list[str]:
    elements = []
    for measured_value, predicted_value in zip(measured, predicted, strict=True):
        x, y = area.x_px(measured_value), area.y_px(predicted_value)
        elements.append(f'<circle cx="{x}" cy="{y}" r="3.5" fill="#1f5fa8" fill-opacity="0.7"/>')
    return elements


def _text(x: float, y: float, text: str, anchor: str, attributes: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{attributes}>{html.escape(text)}</text>'


def _make_ticks(low: float, high: float) -> np.ndarray:
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
