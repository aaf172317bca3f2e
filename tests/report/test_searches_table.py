import dataclasses

from ofa_tf.devices.device import Measurement
from ofa_tf.report.searches_table import FinishedSearch, describe_searches
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.constrained_search import SearchResult


def _finished(found: SearchResult, limit_ms: float, measured_ms: float | None) -> FinishedSearch:
    limited = dataclasses.replace(found, limits={"latency_ms": limit_ms, "macs": 4e6})
    measurement = None if measured_ms is None else Measurement("network 0", measured_ms)
    costs = SubnetCosts("host", 3_793_280, 2_385_696, latency_ms=0.1, measurement=measurement)
    return FinishedSearch("host", limited, costs, f"found/{limit_ms}.json")


def test_each_search_has_a_line_and_who_is_too_slow_a_mark(found: SearchResult) -> None:
    searches = [_finished(found, 0.12, 0.1), _finished(found, 0.1, 0.101), _finished(found, 0.11, None)]
    title, heading, *lines = describe_searches(searches).splitlines()
    assert title == "--- all 3 searches, float32 models"
    assert heading.split("  ")[0] == "device"
    for title in ("latency_ms at most", "macs at most", "predicted_ms", "measured_ms", "MACs", "reported top-1"):
        assert f"  {title}" in heading
    costs = ["3,793,280", "2,385,696", "75.00%", "+-", "0.97"]
    assert [line.split() for line in lines[:3]] == [
        ["host", "0.12", "4,000,000", "0.100", "0.100", *costs, "found/0.12.json"],
        ["host", "0.1", "4,000,000", "0.100", "0.101!", *costs, "found/0.1.json"],
        ["host", "0.11", "4,000,000", "0.100", "-", *costs, "found/0.11.json"],
    ]
    assert found.noise_of_report is not None
    assert lines[3:] == [
        "!: measured ABOVE THE LIMIT of the latency, by 1.0% at most",
        f"differences of reported accuracies below {100 * found.noise_of_report:.2f} points are noise",
    ]


def test_costs_and_accuracies_are_told_to_be_of_the_precision_that_they_are_of(found: SearchResult) -> None:
    shipped = _finished(dataclasses.replace(found, precision="int8"), 0.12, 0.1)
    title, *_ = describe_searches([shipped, shipped]).splitlines()
    assert title == "--- all 2 searches, costs of int8 models, top-1 of float32 models"


def test_the_largest_noise_of_several_reports_is_told(found: SearchResult) -> None:
    fewer = dataclasses.replace(found, reported=AccuracyCount((7, 8), (10, 10)))
    assert fewer.noise_of_report is not None
    assert found.noise_of_report is not None
    assert fewer.noise_of_report > 5 * found.noise_of_report
    for results in ((fewer, found), (found, fewer)):
        *_, last = describe_searches([_finished(result, 0.12, 0.1) for result in results]).splitlines()
        assert last == f"differences of reported accuracies below {100 * fewer.noise_of_report:.2f} points are noise"


def test_limits_that_hardly_differ_are_told_apart(found: SearchResult) -> None:
    searches = [_finished(found, 0.12341, 0.1), _finished(found, 0.12342, 0.1)]
    _, _, first, second, *_ = describe_searches(searches).splitlines()
    assert (first.split()[1], second.split()[1]) == ("0.12341", "0.12342")


def test_a_latency_that_is_hardly_above_its_limit_is_not_told_as_on_it(found: SearchResult) -> None:
    text = describe_searches([_finished(found, 0.5, 0.50002)])
    assert "  0.500!  " in text
    assert "\n!: measured ABOVE THE LIMIT of the latency, by <0.1% at most\n" in text


def test_a_limit_that_only_some_searches_have_is_a_dash_for_others(found: SearchResult) -> None:
    limited = _finished(found, 0.12, 0.1)
    other = dataclasses.replace(limited, found=dataclasses.replace(found, limits={"macs": 5e6}))
    _, _, first, second, *_ = describe_searches([limited, other]).splitlines()
    assert first.split()[1:3] == ["0.12", "4,000,000"]
    assert second.split()[1:3] == ["-", "5,000,000"]


def test_what_was_not_measured_is_called_predicted_and_nothing_is_said_of_noise(found: SearchResult) -> None:
    predicted = dataclasses.replace(found, final=None, reported=None, predicted_top1=0.8, predicted_std=0.00001)
    _, heading, line, *others = describe_searches([_finished(predicted, 0.12, 0.1)]).splitlines()
    assert "  predicted top-1  " in heading
    assert "  80.00% +- <0.01  " in line
    assert not others
