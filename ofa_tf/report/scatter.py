"""Predicted against measured values, as a picture."""

from collections.abc import Sequence

import numpy as np

from ofa_tf.report import svg
from ofa_tf.report.svg import Axis


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
    # Both axes have the same scale.
    axis = Axis.over(float(values.min()), float(values.max()))
    elements = [
        _clip_path(),
        *svg.grid(axis, axis),
        *_diagonals(axis, tolerance),
        *_points(axis, measured, predicted),
        *svg.labels(f"{title} (dashed: {tolerance:.0%} off)", measured_label, predicted_label),
    ]
    return svg.document(elements)


def _clip_path() -> str:
    """What keeps the diagonals within the area."""
    rectangle = f'<rect x="{svg.MARGIN_PX}" y="{svg.MARGIN_PX}" width="{svg.AREA_PX}" height="{svg.AREA_PX}"/>'
    return f'<clipPath id="area">{rectangle}</clipPath>'


def _diagonals(axis: Axis, tolerance: float) -> list[str]:
    """The line of perfect predictions between two dashed ones."""
    elements = []
    for factor in (1 - tolerance, 1.0, 1 + tolerance):
        start = f"{axis.x_px(axis.low)} {axis.y_px(factor * axis.low)}"
        end = f"{axis.x_px(axis.high)} {axis.y_px(factor * axis.high)}"
        dashes = ' stroke-dasharray="6 4"'
        if factor == 1:
            dashes = ""
        elements.append(f'<path d="M{start}L{end}" stroke="#888"{dashes} clip-path="url(#area)"/>')
    return elements


def _points(
    axis: Axis,
    measured: Sequence[float] | np.ndarray,
    predicted: Sequence[float] | np.ndarray,
) -> list[str]:
    elements = []
    for measured_value, predicted_value in zip(measured, predicted, strict=True):
        x, y = axis.x_px(measured_value), axis.y_px(predicted_value)
        elements.append(f'<circle cx="{x}" cy="{y}" r="3.5" fill="#1f5fa8" fill-opacity="0.7"/>')
    return elements
