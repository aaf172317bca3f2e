"""Networks for the same latency budgets beside each other, as a picture."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from ofa_tf.report import svg
from ofa_tf.report.axes import Axis
from ofa_tf.report.svg import Frame

Seeds = Mapping[str, Mapping[str, Any]]

_TITLE_FONT_PX = 16
# The baselines of the texts above the plotted area, from the top.
_TITLE_PX = 26
_EXPLANATION_PX = 47
_LEGEND_PX = 74
_RADIUS_PX = 4.5
_GAP_PX = 26


@dataclasses.dataclass(frozen=True)
class _Kind:
    """How networks of a kind are called and drawn.

    Args:
        name: In the results.
        words: In the legend.
        color: Of points and lines; those of different kinds differ in lightness, too.
    """

    name: str
    words: str
    color: str


_KINDS = (
    _Kind("found", "found in the supernet", "#1f5fa8"),
    _Kind("fine-tuned", "the same, fine-tuned", "#6aaed6"),
    _Kind("alone", "the same, trained alone", "#c44e1b"),
    _Kind("mobilenet_v2", "MobileNetV2", "#8a8a8a"),
    _Kind("mobilenet_v3_small", "MobileNetV3-Small", "#222222"),
)


@dataclasses.dataclass(frozen=True)
class _Point:
    """A network, or its mean over seeds.

    Args:
        latency_ms: As measured.
        top1: Percent.
        error: Standard error of the accuracy, percentage points.
    """

    latency_ms: float
    top1: float
    error: float


def results_svg(seeds: Seeds, title: str) -> str:
    """Accuracy against measured latency, a line for each kind of network, with one standard error.

    Args:
        seeds: By seed, what `ofa_tf.studies.run_results` returns; each budget is drawn as the mean over seeds.
        title: Heading.

    Returns:
        The text of an SVG file.
    """
    lines = {kind: _points_of(seeds, kind.name) for kind in _KINDS}
    frame = _choose_frame([point for points in lines.values() for point in points])
    elements = [
        svg.text(frame.left, _TITLE_PX, title, "start", f' font-size="{_TITLE_FONT_PX}" font-weight="bold"'),
        svg.text(frame.left, _EXPLANATION_PX, _explain(seeds), "start"),
        *_legend(frame),
        *svg.grid(frame),
        *svg.axis_labels(frame, "measured latency, ms", "test top-1, %"),
    ]
    for kind, points in lines.items():
        if points:
            elements += _draw_line(frame, kind, points)
    return svg.document(frame, elements)


def _points_of(seeds: Seeds, name: str) -> list[_Point]:
    """The networks of a name, one for each budget that has one, by latency."""
    first_seed = next(iter(seeds.values()))
    points = []
    for number in range(len(first_seed["budgets"])):
        networks = []
        for seed in seeds.values():
            networks += [row for row in seed["budgets"][number]["networks"] if row["name"] == name]
        if networks:
            points.append(_mean_point(networks))
    return sorted(points, key=lambda point: point.latency_ms)


def _mean_point(networks: Sequence[Mapping[str, Any]]) -> _Point:
    """One network of each seed as one point; the error is that over seeds, of one seed that of its images."""
    accuracies = [100 * network["top1"] for network in networks]
    if len(accuracies) == 1:
        error = 100 * networks[0]["standard_error"]
    else:
        error = statistics.stdev(accuracies) / len(accuracies) ** 0.5
    latency_ms = statistics.fmean(network["measured_ms"] for network in networks)
    return _Point(latency_ms, statistics.fmean(accuracies), error)


def _explain(seeds: Seeds) -> str:
    if len(seeds) == 1:
        return "One seed; bars: one standard error of the test images."
    return f"Means of {len(seeds)} seeds; bars: one standard error over seeds."


def _choose_frame(points: Sequence[_Point]) -> Frame:
    latencies = [point.latency_ms for point in points]
    low = min(point.top1 - point.error for point in points)
    high = max(point.top1 + point.error for point in points)
    horizontal = Axis.of_costs(min(latencies), max(latencies))
    vertical = Axis.padded(low, high, least=0.0, most=100.0)
    return Frame(horizontal, vertical, top=94, right=60, width=800, height=380)


def _legend(frame: Frame) -> list[str]:
    """A row of what the points are."""
    x = frame.left + _RADIUS_PX
    elements = []
    for kind in _KINDS:
        elements.append(svg.circle(x, _LEGEND_PX - _RADIUS_PX, _RADIUS_PX, kind.color))
        elements.append(svg.text(x + 10, _LEGEND_PX, kind.words, "start"))
        x += 10 + svg.text_width(kind.words) + _GAP_PX
    return elements


def _draw_line(frame: Frame, kind: _Kind, points: Sequence[_Point]) -> list[str]:
    """The points of a kind, with their errors, connected."""
    corners = " L".join(f"{frame.x(point.latency_ms)} {frame.y(point.top1)}" for point in points)
    elements = [f'<path d="M{corners}" fill="none" stroke="{kind.color}" stroke-opacity="0.6"/>']
    for point in points:
        x = frame.x(point.latency_ms)
        bar = f"M{x} {frame.y(point.top1 - point.error)}V{frame.y(point.top1 + point.error)}"
        elements.append(f'<path d="{bar}" stroke="{kind.color}" stroke-opacity="0.5"/>')
        tooltip = f"{kind.words}: {point.top1:.1f}% +- {point.error:.1f} at {point.latency_ms:.3f} ms"
        elements.append(svg.circle(x, frame.y(point.top1), _RADIUS_PX, kind.color, content=f"<title>{tooltip}</title>"))
    return elements
