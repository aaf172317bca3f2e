"""Predicted against measured values, as a picture."""

from collections.abc import Sequence

import numpy as np

from ofa_tf.report import svg
from ofa_tf.report.axes import Axis
from ofa_tf.report.svg import Frame


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
    frame = Frame(axis, axis)
    middle_x = frame.left + frame.width / 2
    elements = [
        svg.text(middle_x, frame.top / 2, f"{title} (dashed: {tolerance:.0%} off)", "middle"),
        _clip_path(frame),
        *svg.grid(frame),
        *_diagonals(frame, tolerance),
        *_points(frame, measured, predicted),
        *svg.axis_labels(frame, measured_label, predicted_label),
    ]
    return svg.document(frame, elements)


def _clip_path(frame: Frame) -> str:
    """What keeps the diagonals within the area."""
    size = f'width="{frame.width:g}" height="{frame.height:g}"'
    return f'<clipPath id="area"><rect x="{frame.left:g}" y="{frame.top:g}" {size}/></clipPath>'


def _diagonals(frame: Frame, tolerance: float) -> list[str]:
    """The line of perfect predictions between two dashed ones."""
    axis = frame.horizontal
    elements = []
    for factor in (1 - tolerance, 1.0, 1 + tolerance):
        start = f"{frame.x(axis.low)} {frame.y(factor * axis.low)}"
        end = f"{frame.x(axis.high)} {frame.y(factor * axis.high)}"
        dashes = ' stroke-dasharray="6 4"'
        if factor == 1:
            dashes = ""
        elements.append(f'<path d="M{start}L{end}" stroke="#888"{dashes} clip-path="url(#area)"/>')
    return elements


def _points(
    frame: Frame,
    measured: Sequence[float] | np.ndarray,
    predicted: Sequence[float] | np.ndarray,
) -> list[str]:
    elements = []
    for measured_value, predicted_value in zip(measured, predicted, strict=True):
        x, y = frame.x(measured_value), frame.y(predicted_value)
        elements.append(svg.circle(x, y, 3.5, "#1f5fa8", ' fill-opacity="0.7"'))
    return elements
