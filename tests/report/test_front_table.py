import dataclasses

import numpy as np
import pytest

from ofa_tf.devices.device import Measurement
from ofa_tf.report.front_table import describe_front
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.front_search import Front, FrontSearch, FrontSettings
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.space.costs import num_macs
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.spaces import MICRO


def _macs(genes: np.ndarray) -> np.ndarray:
    return np.asarray(num_macs(MICRO, genes, 10))


def _blocks(genes: np.ndarray) -> np.ndarray:
    return MICRO.active_blocks(genes).sum(axis=1)


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
    first, heading, *lines = describe_front(front, costs).splitlines()
    assert first == f"front of {len(front.points)} subnets, {front.num_measured} of them measured for it"
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
            f"{point.measured.standard_error:.2%}",
            f"{point.estimated_top1:.2%}",
            f"{point.reported.top1:.2%}",
            f"{point.reported.standard_error:.2%}",
            f"{point.costs['num_blocks']:g}",
        ]
    explained = " ".join(lines[len(front.best) :])
    assert f"measured on {sum(front.best[0].measured.num_images)} images" in explained


def test_what_is_not_known_is_a_dash(front: Front) -> None:
    costs = [SubnetCosts("host", 1, 1)] * len(front.best)
    line = describe_front(front, costs).splitlines()[2]
    num_depths = len(front.best[0].arch.depths)
    assert line.split()[4 + num_depths : 6 + num_depths] == ["-", "-"]


def test_limits_are_told_and_a_measured_latency_above_its_limit_is_marked(front: Front) -> None:
    limit_ms = 0.2
    costs = []
    for number in range(len(front.best)):
        costs.append(SubnetCosts("host", 1, 1, 0.1, Measurement("network", limit_ms + 0.01 * number)))
    assert len(costs) > 1
    limits = {"latency_ms": limit_ms, "peak_ram_bytes": 74960.0}
    _, told, _, first, second, *others = describe_front(front, costs, limits, latency_margin=0.05).splitlines()
    assert told == "limits: latency_ms 0.2 (with a margin of 5.0%), peak_ram_bytes 74,960"
    assert " 0.200 " in first
    assert " 0.210! " in second
    assert others[-1] == "!: measured ABOVE THE LIMIT of the latency"
    kept = describe_front(front, costs, {"latency_ms": 9.0})
    assert "!" not in kept
    assert "ABOVE" not in kept


def test_a_large_cost_is_shown_with_all_its_digits(front: Front) -> None:
    best = []
    for point in front.points:
        best.append(dataclasses.replace(point, costs={"peak_ram_bytes": 74960.0}))
    front = dataclasses.replace(front, points=tuple(best))
    lines = describe_front(front, [SubnetCosts("host", 1, 1)] * len(front.best)).splitlines()
    assert lines[2].split()[-1] == "74,960"
