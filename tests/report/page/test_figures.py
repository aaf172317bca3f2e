"""What plotly.js is told to draw."""

import math
from typing import Any

import numpy as np
import pytest

from ofa_tf.report.page import figures
from ofa_tf.report.page.contents import Accuracy, AccuracyReport, DeviceReport, PhaseReport, ReportedSubnet, SubnetGroup
from ofa_tf.search.predictors.cross_validation import PredictorQuality
from tests.support.spaces import MICRO


def _subnet(name: str, cost: float, top1: float | None = 0.7) -> ReportedSubnet:
    accuracy = None
    if top1 is not None:
        accuracy = Accuracy(top1, 0.02, 100)
    return ReportedSubnet(name, MICRO.smallest(), cost, "", estimated=accuracy, reported=accuracy)


def _group(title: str = "front.json", **changes: Any) -> SubnetGroup:
    values: dict[str, Any] = {
        "title": title,
        "is_front": True,
        "device": "host",
        "precision": "int8",
        "cost_name": "size_bytes",
        "subnets": [_subnet("a", 1000, 0.6), _subnet("b", 2000, None), _subnet("c", 3000, 0.8)],
        "other_costs": [1500.0],
        "other_top1": [0.5],
    }
    return SubnetGroup(**{**values, **changes})


def _accuracy(number: int) -> AccuracyReport:
    values = np.linspace(0.5, 0.9, number).tolist()
    quality = PredictorQuality(number, 0.01, 0.005, 0.1, 0.8, 0.9)
    return AccuracyReport("linear", 100, values, values, [0.01] * number, quality)


def _phase(name: str, losses: list[float]) -> PhaseReport:
    history = [{"epoch": epoch, "loss": loss, "accuracy": 0.5} for epoch, loss in enumerate(losses)]
    return PhaseReport(name, len(losses), True, history)


_DEVICE = DeviceReport("host", "t.json", {}, (16,), 1, (), 1.0, 2.0, [1.0, 2.0], [1.1, 1.9])


def _named(figure: figures.Figure, name: str) -> dict[str, Any]:
    (trace,) = [trace for trace in figure["data"] if trace["name"] == name]
    return trace


def test_a_front_is_drawn_in_its_unit_with_error_bars() -> None:
    figure = figures.draw_group(_group(), [])
    subnets = _named(figure, "subnets to choose from")
    assert subnets["x"] == [1, 2, 3]  # kB
    assert subnets["y"] == [0.6, None, 0.8]
    assert subnets["error_y"]["array"] == subnets["error_y"]["arrayminus"] == [0.02, None, 0.02]
    assert figure["layout"]["xaxis"]["title"]["text"] == "file size, kB"
    assert _named(figure, "other measured subnets")["x"] == [1.5]


def test_costs_that_are_nearly_equal_are_drawn_near_each_other() -> None:
    equal = [_subnet("a", 1000, 0.6), _subnet("b", 1001, 0.6)]
    alone = figures.draw_group(_group(subnets=equal, other_costs=[], other_top1=[]), [])
    assert alone["layout"]["xaxis"]["range"] == [pytest.approx(0.8), pytest.approx(1.2012)]  # kB
    single = figures.draw_group(_group(subnets=equal[:1], other_costs=[], other_top1=[]), [])
    assert single["layout"]["xaxis"]["range"] == [pytest.approx(0.8), pytest.approx(1.2)]
    for figure in (figures.draw_group(_group(subnets=equal), []), figures.draw_group(_group(), [])):
        assert "range" not in figure["layout"]["xaxis"]
        assert figure["layout"]["xaxis"]["rangemode"] == "nonnegative"


def test_no_error_bar_reaches_above_100_percent() -> None:
    figure = figures.draw_group(_group(subnets=[_subnet("a", 1000, 0.99)]), [])
    bars = _named(figure, "subnets to choose from")["error_y"]
    assert not bars["symmetric"]
    assert bars["array"] == [pytest.approx(0.01)]
    assert bars["arrayminus"] == [0.02]
    assert figure["layout"]["yaxis"]["maxallowed"] == 1


def test_the_slider_finds_each_subnet_at_its_own_number() -> None:
    figure = figures.draw_group(_group(), [])
    assert figure["selectable"] == {"x": [1, 2, 3], "y": [0.6, None, 0.8]}
    assert [trace.get("meta") for trace in figure["data"]].count("selected") == 1


def test_other_groups_are_drawn_behind_and_only_fronts_as_lines() -> None:
    rivals = [_group("<b>second</b>"), _group("found", is_front=False)]
    figure = figures.draw_group(_group(), rivals)
    assert _named(figure, "&lt;b&gt;second&lt;/b&gt; on host, int8")["mode"] == "lines+markers"
    assert _named(figure, "found on host, int8")["mode"] == "markers"


def test_curves_go_on_over_phases_and_leave_gaps_where_there_is_no_number() -> None:
    phases = [_phase("full", [3.0, math.nan]), _phase("kernel", [1.0])]
    figure = figures.draw_loss_curve(phases)
    (curve,) = figure["data"]
    assert curve["x"] == [1, 2, 3]
    assert curve["y"] == [3.0, None, 1.0]
    assert curve["text"] == ["full", "full", "kernel"]
    assert [shape["x0"] for shape in figure["layout"]["shapes"]] == [2.5]
    assert _named(figures.draw_accuracy_curves(phases), "largest subnet")["y"] == [None, None, None]


def test_of_many_points_some_are_drawn() -> None:
    number = figures.MAX_DRAWN_POINTS + 1
    drawn = _named(figures.draw_accuracies(_accuracy(number)), "subnets")
    assert len(drawn["x"]) == figures.MAX_DRAWN_POINTS
    assert "error_y" not in drawn
    rows = figures.thin_out(number)
    assert len(set(rows)) == figures.MAX_DRAWN_POINTS
    assert max(rows) < number
    assert figures.thin_out(3) == [0, 1, 2]


def test_few_accuracies_are_drawn_with_error_bars() -> None:
    drawn = _named(figures.draw_accuracies(_accuracy(5)), "subnets")
    assert drawn["error_y"]["array"] == [0.01] * 5
    assert not drawn["error_y"]["symmetric"]
    assert not drawn["cliponaxis"]  # markers at 100% are drawn whole


@pytest.mark.parametrize(
    "figure",
    [
        figures.draw_group(_group(), [_group("other")]),
        figures.draw_latencies(_DEVICE),
        figures.draw_accuracies(_accuracy(5)),
        figures.draw_accuracy_curves([_phase("full", [3.0])]),
        figures.draw_loss_curve([_phase("full", [3.0])]),
    ],
    ids=["group", "latencies", "accuracies", "accuracy_curves", "loss_curve"],
)
def test_plotly_knows_all_that_it_is_told(figure: figures.Figure) -> None:
    graph_objects = pytest.importorskip("plotly.graph_objects", reason="needs plotly: pip install -e .[report]")
    graph_objects.Figure(data=figure["data"], layout=figure["layout"])  # raises for a property that it does not know
