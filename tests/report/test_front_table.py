import dataclasses
import math

import numpy as np
import pytest

from ofa_tf.devices.device import Measurement
from ofa_tf.report.front_table import describe_front
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.front.measured_front import Front, StopReason
from ofa_tf.search.front_search import FrontSearch, FrontSettings
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.space.costs import num_macs
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.spaces import MICRO


def _macs(genes: np.ndarray) -> np.ndarray:
    return np.asarray(num_macs(MICRO, genes, 10))


def _blocks(genes: np.ndarray) -> np.ndarray:
    return MICRO.active_blocks(genes).sum(axis=1)


def _rows(text: str) -> list[str]:
    """The lines of the table, and what is right below it."""
    _, table, _ = text.split("\n\n")
    return table.splitlines()[1:]


@pytest.fixture(scope="module")
def front() -> Front:
    supernet = SimulatedSupernet(MICRO)
    predictor = fit_predictor(supernet.table(20), "linear")
    settings = FrontSettings(4, evolution=EvolutionSettings(10, 5))
    search = FrontSearch(MICRO, predictor, {"macs": _macs, "num_blocks": _blocks}, (), settings)
    return search.run(supernet.measure, supernet.measure)


def test_each_arch_of_a_front_has_a_line_with_its_number_costs_and_accuracies(front: Front) -> None:
    costs = []
    for number, point in enumerate(front.best):
        measurement = Measurement("network", 0.2 + number)
        costs.append(SubnetCosts("host", int(point.costs["macs"]), 12_345, 0.1 + number, measurement))
    _, table, explained = describe_front(front, costs).split("\n\n")
    heading, *lines = table.splitlines()
    assert len(lines) == len(front.best)
    assert heading.split()[-1] == "num_blocks"
    for number, point in enumerate(front.best):
        cells = lines[number].split()
        assert point.reported is not None
        assert cells == [
            str(number),
            str(point.arch.image_size),
            *map(str, point.arch.depths),
            f"{point.costs['macs'] / 1e6:,.2f}",
            "12",
            f"{0.1 + number:.3f}",
            f"{0.2 + number:.3f}",
            f"{point.predicted_top1:.2%}",
            f"{point.measured.top1:.2%}",
            f"{100 * point.measured.standard_error:.2f}",
            f"{point.estimated_top1:.2%}",
            f"{point.reported.top1:.2%}",
            f"{100 * point.reported.standard_error:.2f}",
            f"{point.costs['num_blocks']:g}",
        ]
    num_images = sum(front.best[0].measured.num_images)
    assert f"meas.:  measured on {num_images} images; +/-: one standard error in points" in explained
    assert f"report: measured on {num_images} images that nothing was chosen by: quote these" in explained
    noise = 100 * 1.645 * math.sqrt(2) * front.predictor.table.noise_std
    assert f"differences of measured accuracies (meas.) below {noise:.2f} points are noise" in explained


def test_the_front_is_told_with_its_costs_device_and_precision(front: Front) -> None:
    costs = [SubnetCosts("board", 1, 1)] * len(front.best)
    first, second, third, fourth, *_ = describe_front(front, costs, precision="int8").splitlines()
    num_points, num_best = len(front.points), len(front.best)
    origin = f"{front.num_measured} measured for this search or earlier ones"
    assert first == f"front: {num_best} of {num_points} measured subnets ({origin})"
    assert second == "  top-1 of float32 models against macs and num_blocks of int8 models"
    assert third == "  stopped after 4 measurements, as many as were allowed"
    _, told, *_ = describe_front(front, costs).splitlines()
    assert told == "  top-1 against macs and num_blocks, of float32 models"
    before, after = front.quality_before, front.predictor.quality
    assert fourth == (
        f"  RMSE of the accuracy predictor: {100 * after.rmse:.2f} points on 24 subnets; "
        f"before, {100 * before.rmse:.2f} on 20 subnets"
    )
    assert (before.num_archs, after.num_archs) == (20, 24)
    computed = dataclasses.replace(front, quality_before=dataclasses.replace(before, num_computed=12))
    assert f" on 24 subnets; before, {100 * before.rmse:.2f} on 20 subnets (12 computed)\n" in describe_front(
        computed, costs
    )


@pytest.mark.parametrize(
    ("num_measured", "stop_reason", "words"),
    [
        (3, StopReason.NO_GAIN, "stopped after 3 of 4 measurements: the front no longer grew"),
        (3, StopReason.NOTHING_NEW, "stopped after 3 of 4 measurements: all that was proposed is measured"),
        (
            3,
            StopReason.KEPT_NOT_NEEDED,
            "stopped after 3 of 4 measurements: the others were kept for subnets whose accuracies were computed, and "
            "not needed",
        ),
        (4, StopReason.ALL_MEASURED, "stopped after 4 measurements, as many as were allowed"),
    ],
)
def test_it_is_said_why_a_search_measured_no_more(
    front: Front, num_measured: int, stop_reason: StopReason, words: str
) -> None:
    ended = dataclasses.replace(front, num_measured=num_measured, stop_reason=stop_reason)
    assert f"  {words}\n" in describe_front(ended, [SubnetCosts("host", 1, 1)] * len(front.best))


def test_a_device_is_named_only_where_a_latency_is_told(front: Front) -> None:
    without = SubnetCosts("board", 1, 1)
    failed = dataclasses.replace(without, measurement=Measurement("network", None, error="it broke"))
    predicted = dataclasses.replace(without, latency_ms=0.1)
    measured = dataclasses.replace(without, measurement=Measurement("network", 0.2))
    others = [without] * (len(front.best) - 1)
    for costs, is_named in ((without, False), (failed, False), (predicted, True), (measured, True)):
        text = describe_front(front, [*others, costs])
        assert (", of float32 models; latencies on board\n" in text) == is_named
        assert ("board" in text) == is_named


def test_a_single_subnet_that_nothing_was_measured_for(front: Front) -> None:
    alone = dataclasses.replace(front, points=(front.best[0],), num_measured=0, stop_reason=StopReason.NOTHING_NEW)
    first, _, third, fourth, *_ = describe_front(alone, [SubnetCosts("host", 1, 1)]).splitlines()
    assert first == "front: 1 of 1 measured subnet (0 measured for this search or earlier ones)"
    assert third == "  stopped after 0 of 4 measurements: all that was proposed is measured"
    assert fourth == ""


def test_what_is_not_known_is_a_dash(front: Front) -> None:
    costs = [SubnetCosts("host", 1, 1)] * len(front.best)
    line = _rows(describe_front(front, costs))[0]
    num_depths = len(front.best[0].arch.depths)
    assert line.split()[4 + num_depths : 6 + num_depths] == ["-", "-"]


def test_limits_are_told_and_a_measured_latency_above_its_limit_is_marked(front: Front) -> None:
    limit_ms = 0.2
    costs = []
    for number in range(len(front.best)):
        costs.append(SubnetCosts("host", 1, 1, 0.1, Measurement("network", limit_ms + 0.01 * number)))
    assert len(costs) > 1
    limits = {"latency_ms": limit_ms, "peak_ram_bytes": 74960.0}
    text = describe_front(dataclasses.replace(front, margins={"latency_ms": 0.05}), costs, limits)
    assert f" of {len(front.points)} measured subnets within the limits (" in text
    told = "limits: latency_ms at most 0.2 (with a margin of 5.0%), peak_ram_bytes at most 74,960"
    assert f"\n  {told}\n" in text
    first, second, *others = _rows(text)
    assert " 0.200 " in first
    assert " 0.210! " in second
    excess = 0.01 * (len(front.best) - 1) / limit_ms
    assert others[-1] == f"!: measured ABOVE THE LIMIT of the latency, by {excess:.1%} at most"
    kept = describe_front(front, costs, {"latency_ms": 9.0})
    assert "!" not in kept
    assert "ABOVE" not in kept


def test_a_large_cost_is_shown_with_all_its_digits(front: Front) -> None:
    best = []
    for point in front.points:
        best.append(dataclasses.replace(point, costs={"peak_ram_bytes": 74960.0}))
    front = dataclasses.replace(front, points=tuple(best))
    first, *_ = _rows(describe_front(front, [SubnetCosts("host", 1, 1)] * len(front.best)))
    assert first.split()[-1] == "74,960"
