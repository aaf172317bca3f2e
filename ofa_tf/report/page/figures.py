"""The figures of the report, as the data and the layout that plotly.js draws.

Colors that depend on the scheme, light or dark, are set by the page's script; those here are seen on both.
"""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ofa_tf.report.cost_unit import CostUnit
from ofa_tf.report.page.contents import AccuracyReport, DeviceReport, PhaseReport, ReportedSubnet, SubnetGroup

Figure = dict[str, Any]

# More points than that cannot be told apart, and take long to draw on a phone.
MAX_DRAWN_POINTS = 2000

# More error bars than that hide the points.
_MAX_ERROR_BARS = 200

_FIRST_COLOR = "#3d85c6"
_SELECTED_COLOR = "#e4572e"
_GRAY = "#8a8f98"
# Costs that differ by a smaller share say nothing by their places.
_NEARLY_EQUAL = 0.2
_OTHER_COLORS = ("#d9822b", "#2a9d6f", "#b05aa0", "#8a7fd1")

_PERCENT_AXIS = {"tickformat": ".2~%", "hoverformat": ".2%", "maxallowed": 1}


def draw_group(group: SubnetGroup, others: Sequence[SubnetGroup]) -> Figure:
    """Accuracy against cost of a group's subnets, with the other groups behind it.

    Its `selectable` holds the places of the subnets, in order, for the mark that the slider moves.
    """
    unit = CostUnit.fitting(group.cost_name, [subnet.cost for subnet in group.subnets])
    traces = []
    if group.other_costs:
        traces.append(_draw_others(group, unit))
    for number, other in enumerate(others):
        color = _OTHER_COLORS[number % len(_OTHER_COLORS)]
        traces.append(_draw_rival(other, unit, color))
    if group.is_front:
        traces.append(_draw_estimates(group.subnets, unit))
    traces.append(_draw_subnets(group.subnets, unit))
    places = _places(group.subnets, unit)
    traces.append(
        {
            **_markers(places["x"][:1], places["y"][:1], _SELECTED_COLOR, size=17),
            "name": "selected",
            "meta": "selected",
            "hoverinfo": "skip",
            "showlegend": False,
        }
    )
    traces[-1]["marker"] |= {"symbol": "circle-open", "line": {"width": 3}}
    return {
        "data": traces,
        "layout": {
            "xaxis": _cost_axis(unit, places["x"], is_alone=not group.other_costs and not others),
            "yaxis": {"title": {"text": "top-1"}, **_PERCENT_AXIS},
        },
        "selectable": places,
    }


def _cost_axis(unit: CostUnit, costs: Sequence[float], is_alone: bool) -> Figure:
    """The axis of costs. Where nothing else is drawn, costs that are nearly equal shall look so."""
    axis: Figure = {"title": {"text": unit.label}, "rangemode": "nonnegative"}
    lowest, highest = min(costs), max(costs)
    if is_alone and highest - lowest < _NEARLY_EQUAL * highest:
        axis["range"] = [(1 - _NEARLY_EQUAL) * lowest, (1 + _NEARLY_EQUAL) * highest]
    return axis


def _draw_others(group: SubnetGroup, unit: CostUnit) -> Figure:
    rows = thin_out(len(group.other_costs))
    return {
        **_markers(
            [unit.convert(group.other_costs[row]) for row in rows],
            [group.other_top1[row] for row in rows],
            _GRAY,
            size=5,
        ),
        "opacity": 0.5,
        "name": "other measured subnets",
    }


def _draw_rival(other: SubnetGroup, unit: CostUnit, color: str) -> Figure:
    """Another group of the same kind of cost."""
    mode = "markers"
    if other.is_front:
        mode = "lines+markers"
    return {
        **_markers(**_places(other.subnets, unit), color=color, size=6),
        "mode": mode,
        "line": {"color": color, "width": 1, "dash": "dot"},
        "name": _plain(describe_group(other)),
    }


def _draw_estimates(subnets: Sequence[ReportedSubnet], unit: CostUnit) -> Figure:
    estimated = [subnet for subnet in subnets if subnet.estimated is not None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [unit.convert(subnet.cost) for subnet in estimated],
        "y": [subnet.estimated.top1 for subnet in estimated if subnet.estimated is not None],
        "line": {"color": _FIRST_COLOR, "width": 2},
        "name": "what the search went by",
        "hoverinfo": "skip",
    }


def _draw_subnets(subnets: Sequence[ReportedSubnet], unit: CostUnit) -> Figure:
    places = _places(subnets, unit)
    errors: list[float | None] = []
    for subnet in subnets:
        if subnet.best_known is None:
            errors.append(None)
        else:
            errors.append(subnet.best_known.error)
    return {
        **_markers(**places, color=_FIRST_COLOR, size=8),
        "error_y": {**_errors_of_accuracies(places["y"], errors), "thickness": 1, "width": 3},
        "text": [_plain(subnet.name) for subnet in subnets],
        "hovertemplate": "%{text}<br>%{x:.3g} " + unit.unit + ", %{y}<extra></extra>",
        "name": "subnets to choose from",
        "meta": "subnets",
    }


def _errors_of_accuracies(top1: Sequence[float | None], errors: Sequence[float | None]) -> dict[str, Any]:
    """Error bars, which reach up to 100% and no further."""
    above: list[float | None] = []
    for value, error in zip(top1, errors, strict=True):
        if value is None or error is None:
            above.append(None)
        else:
            above.append(min(error, 1 - value))
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": list(errors), "color": _FIRST_COLOR}


def _places(subnets: Sequence[ReportedSubnet], unit: CostUnit) -> dict[str, list[Any]]:
    """Where each subnet is drawn; nowhere, if nothing is known of its accuracy."""
    x: list[float | None] = []
    y: list[float | None] = []
    for subnet in subnets:
        x.append(unit.convert(subnet.cost))
        if subnet.best_known is None:
            y.append(None)
        else:
            y.append(subnet.best_known.top1)
    return {"x": x, "y": y}


def describe_group(group: SubnetGroup) -> str:
    """What a group is called: its title, device and precision."""
    words = [group.title]
    if group.device:
        words.append(f"on {group.device}")
    return f"{' '.join(words)}, {group.form_name}"


def draw_latencies(device: DeviceReport) -> Figure:
    """Predicted against measured latencies of networks that were held out."""
    return {
        "data": [
            _diagonal(device.measured_ms),
            {
                **_markers(device.measured_ms, device.predicted_ms, _FIRST_COLOR),
                "name": "networks",
                "hovertemplate": "measured %{x:.3g} ms<br>predicted %{y:.3g} ms<extra></extra>",
            },
        ],
        "layout": {
            "showlegend": False,
            "xaxis": {"title": {"text": "measured latency, ms"}},
            "yaxis": {"title": {"text": "predicted latency, ms"}},
        },
    }


def draw_accuracies(accuracy: AccuracyReport) -> Figure:
    """Predicted against measured accuracies, of each subnet by a predictor that has not seen it."""
    rows = thin_out(len(accuracy.measured_top1))
    measured = [accuracy.measured_top1[row] for row in rows]
    predicted = [accuracy.predicted_top1[row] for row in rows]
    points = {
        **_markers(measured, predicted, _FIRST_COLOR, size=6),
        "opacity": 0.7,
        "name": "subnets",
        "hovertemplate": "measured %{x}<br>predicted %{y}<extra></extra>",
    }
    if len(rows) <= _MAX_ERROR_BARS:
        errors = [accuracy.predicted_std[row] for row in rows]
        points["error_y"] = {**_errors_of_accuracies(predicted, errors), "thickness": 0.5, "width": 0}
    return {
        "data": [_diagonal(measured), points],
        "layout": {
            "showlegend": False,
            "xaxis": {"title": {"text": "measured top-1"}, **_PERCENT_AXIS},
            "yaxis": {"title": {"text": "predicted top-1"}, **_PERCENT_AXIS},
        },
    }


def _diagonal(values: Sequence[float]) -> Figure:
    """Where predictions equal measurements."""
    ends = [min(values), max(values)]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": ends,
        "y": ends,
        "line": {"color": _GRAY, "width": 1, "dash": "dash"},
        "hoverinfo": "skip",
        "name": "equal",
    }


def draw_accuracy_curves(phases: Sequence[PhaseReport]) -> Figure:
    """Accuracies of the smallest and the largest subnet on validation images, over the epochs of all phases."""
    curves = {
        "largest_top1": ("largest subnet", _FIRST_COLOR),
        "smallest_top1": ("smallest subnet", _OTHER_COLORS[0]),
        "accuracy": ("training images", _GRAY),
    }
    figure = _draw_curves(phases, curves)
    figure["layout"]["yaxis"] = {"title": {"text": "top-1"}, **_PERCENT_AXIS}
    return figure


def draw_loss_curve(phases: Sequence[PhaseReport]) -> Figure:
    """The training loss over the epochs of all phases."""
    figure = _draw_curves(phases, {"loss": ("training loss", _FIRST_COLOR)})
    figure["layout"]["yaxis"] = {"title": {"text": "training loss"}}
    figure["layout"]["showlegend"] = False
    return figure


def _draw_curves(phases: Sequence[PhaseReport], curves: Mapping[str, tuple[str, str]]) -> Figure:
    entries: list[Mapping[str, Any]] = []
    names: list[str] = []
    ends = []
    for phase in phases:
        entries += phase.history
        names += [phase.name] * len(phase.history)
        ends.append(len(entries) + 0.5)
    traces = []
    for key, (name, color) in curves.items():
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": list(range(1, len(entries) + 1)),
                "y": [_finite(entry.get(key)) for entry in entries],
                "text": names,
                "hovertemplate": "%{y}, %{text}, epoch %{x}<extra>" + name + "</extra>",
                "line": {"color": color, "width": 2},
                "marker": {"size": 4},
                "name": name,
            }
        )
    return {
        "data": traces,
        "layout": {
            "xaxis": {"title": {"text": "epoch, over all phases"}},
            "shapes": [_vertical_line(end) for end in ends[:-1]],
        },
    }


def _plain(text: str) -> str:
    """A text that plotly.js, which understands some HTML in texts, shows as it is."""
    return html.escape(text, quote=False)


def _finite(value: float | None) -> float | None:
    """A number; `None`, which leaves a gap, where there is none or training diverged."""
    if value is None or not math.isfinite(value):
        return None
    return value


def _vertical_line(x: float) -> Figure:
    """Between two phases."""
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": _GRAY, "width": 1, "dash": "dot"},
    }


def _markers(x: Sequence[float | None], y: Sequence[float | None], color: str, size: int = 7) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(x),
        "y": list(y),
        "marker": {"color": color, "size": size},
        "cliponaxis": False,
    }


def thin_out(num_points: int) -> list[int]:
    """Which points are drawn of many: all, or so many random ones as can be told apart."""
    if num_points <= MAX_DRAWN_POINTS:
        return list(range(num_points))
    drawn = np.random.default_rng(0).choice(num_points, MAX_DRAWN_POINTS, replace=False)
    return sorted(drawn.tolist())
