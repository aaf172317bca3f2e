"""Predicted against measured values, as a picture."""

import html
from collections.abc import Sequence

import numpy as np

_SIZE, _MARGIN = 480, 64  # of the plotted area and around it, pixels
_TICK_STEPS = (1, 2, 2.5, 5, 10)
_TICKS = 6  # at most, about


def scatter_svg(
    measured: Sequence[float] | np.ndarray,
    predicted: Sequence[float] | np.ndarray,
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
    ticks = _ticks(float(values.min()), float(values.max()))
    low, high = ticks[0], ticks[-1]
    end = _MARGIN + _SIZE

    def across(value: float) -> float:
        return round(_MARGIN + (value - low) / (high - low) * _SIZE, 2)

    def up(value: float) -> float:
        return round(2 * _MARGIN + _SIZE - across(value), 2)

    shapes = [f'<clipPath id="area"><rect x="{_MARGIN}" y="{_MARGIN}" width="{_SIZE}" height="{_SIZE}"/></clipPath>']
    for tick in ticks:
        x, y = across(tick), up(tick)
        shapes.append(f'<path d="M{x} {_MARGIN}V{end}M{_MARGIN} {y}H{end}" stroke="#ddd"/>')
        shapes.append(_text(x, end + 18, f"{tick:g}", "middle"))
        shapes.append(_text(_MARGIN - 8, y + 4, f"{tick:g}", "end"))
    for factor in (1 - tolerance, 1.0, 1 + tolerance):
        dash = "" if factor == 1 else ' stroke-dasharray="6 4"'
        line = f"M{across(low)} {up(factor * low)}L{across(high)} {up(factor * high)}"
        shapes.append(f'<path d="{line}" stroke="#888"{dash} clip-path="url(#area)"/>')
    for x_value, y_value in zip(measured, predicted, strict=True):
        shapes.append(f'<circle cx="{across(x_value)}" cy="{up(y_value)}" r="3.5" fill="#1f5fa8" fill-opacity="0.7"/>')
    middle, total = _MARGIN + _SIZE / 2, 2 * _MARGIN + _SIZE
    shapes.append(_text(middle, _MARGIN / 2, f"{title} (dashed: {tolerance:.0%} off)", "middle"))
    shapes.append(_text(middle, total - 16, measured_label, "middle"))
    shapes.append(_text(-middle, 18, predicted_label, "middle", ' transform="rotate(-90)"'))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{total}" font-family="sans-serif"'
            ' font-size="13">',
            f'<rect width="{total}" height="{total}" fill="white"/>',
            *shapes,
            "</svg>",
            "",
        ]
    )


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{more}>{html.escape(text)}</text>'


def _ticks(low: float, high: float) -> np.ndarray:
    """Round numbers from at most `low` to at least `high`, evenly spaced."""
    if high <= low:
        low, high = 0.9 * low, 1.1 * high
    rough = (high - low) / (_TICKS - 1)
    power = 10 ** np.floor(np.log10(rough))
    step = next(factor * power for factor in _TICK_STEPS if factor * power >= rough * (1 - 1e-9))
    return step * np.arange(np.floor(low / step), np.ceil(high / step) + 1)
