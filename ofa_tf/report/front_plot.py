"""A front of accuracy against a cost, as a picture."""

from collections.abc import Sequence

from ofa_tf.report import svg
from ofa_tf.report.svg import Axis
from ofa_tf.search.front_search import Front, FrontPoint

_FRONT_COLOR = "#1f5fa8"
_OTHER_COLOR = "#999"


def front_svg(front: Front, cost: str, title: str) -> str:
    """All measured archs; those on the front are connected, with an error bar of one standard deviation.

    Args:
        front: At least one measured arch.
        cost: Name of the cost along the horizontal axis.
        title: Heading.

    Returns:
        The text of an SVG file.
    """
    costs = [point.costs[cost] for point in front.points]
    lows = [point.estimated_top1 - point.estimated_std for point in front.points]
    highs = [point.estimated_top1 + point.estimated_std for point in front.points]
    horizontal = Axis.over(min(costs), max(costs))
    vertical = Axis.over(100 * min(lows), 100 * max(highs))
    others = [point for point in front.points if not point.is_on_front]
    elements = [
        *svg.grid(horizontal, vertical),
        *_circles(others, cost, horizontal, vertical, _OTHER_COLOR),
        _steps(front.best, cost, horizontal, vertical),
        *_error_bars(front.best, cost, horizontal, vertical),
        *_circles(front.best, cost, horizontal, vertical, _FRONT_COLOR),
        *svg.labels(title, cost, "estimated top-1, %"),
    ]
    return svg.document(elements)


def _circles(
    points: Sequence[FrontPoint],
    cost: str,
    horizontal: Axis,
    vertical: Axis,
    color: str,
) -> list[str]:
    elements = []
    for point in points:
        x = horizontal.x_px(point.costs[cost])
        y = vertical.y_px(100 * point.estimated_top1)
        elements.append(f'<circle cx="{x}" cy="{y}" r="3.5" fill="{color}" fill-opacity="0.8"/>')
    return elements


def _error_bars(points: Sequence[FrontPoint], cost: str, horizontal: Axis, vertical: Axis) -> list[str]:
    elements = []
    for point in points:
        x = horizontal.x_px(point.costs[cost])
        low = vertical.y_px(100 * (point.estimated_top1 - point.estimated_std))
        high = vertical.y_px(100 * (point.estimated_top1 + point.estimated_std))
        elements.append(f'<path d="M{x} {low}V{high}" stroke="{_FRONT_COLOR}" stroke-opacity="0.5"/>')
    return elements


def _steps(points: Sequence[FrontPoint], cost: str, horizontal: Axis, vertical: Axis) -> str:
    """A line of steps: what is best for each budget."""
    commands: list[str] = []
    for point in points:
        x = horizontal.x_px(point.costs[cost])
        y = vertical.y_px(100 * point.estimated_top1)
        if commands:
            commands.append(f"H{x}V{y}")
        else:
            commands.append(f"M{x} {y}")
    return f'<path d="{"".join(commands)}" fill="none" stroke="{_FRONT_COLOR}" stroke-opacity="0.6"/>'
