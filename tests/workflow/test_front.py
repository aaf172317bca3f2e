"""The picture beside the file of a front."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.constraints import Limits
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.front.measured_front import Front
from ofa_tf.search.front_search import FrontSearch, FrontSettings
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.space.costs import num_macs
from ofa_tf.workflow.front import FrontRequest, save_front
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.spaces import MICRO


def _macs(genes: np.ndarray) -> np.ndarray:
    return np.asarray(num_macs(MICRO, genes, 10))


def _latency_ms(genes: np.ndarray) -> np.ndarray:
    return 1e-6 * _macs(genes)


@pytest.fixture(scope="module")
def front() -> Front:
    supernet = SimulatedSupernet(MICRO)
    settings = FrontSettings(4, evolution=EvolutionSettings(10, 5))
    costs = {"macs": _macs, "latency_ms": _latency_ms}
    return FrontSearch(MICRO, fit_predictor(supernet.table(20), "linear"), costs, (), settings).run(supernet.measure)


def _texts(front: Front, path: Path, request: FrontRequest, latency_margin: float = 0.0) -> str:
    costs = [SubnetCosts("my_phone", 1, 1)] * len(front.best)
    save_front(front, path, request, costs, device="my_phone", latency_margin=latency_margin)
    return "\n".join(re.findall(r">([^<\n]+)</text>", path.with_suffix(".svg").read_text()))


def test_a_file_names_the_latency_table_that_was_searched_with(front: Front, tmp_path: Path) -> None:
    path = tmp_path / "front.json"
    costs = [SubnetCosts("my_phone", 1, 1)] * len(front.best)
    for table in ("tables/two.json", None):
        save_front(front, path, FrontRequest(["macs"]), costs, device="my_phone", latency_table=table)
        document = json.loads(path.read_text())
        assert (document["device"], document["latency_table"]) == ("my_phone", table)


def test_a_picture_says_what_it_is_of(front: Front, tmp_path: Path) -> None:
    counts = f"{len(front.best)} of {len(front.points)} measured subnets"
    texts = _texts(
        front,
        tmp_path / "own.json",
        FrontRequest(
            ["latency_ms"],
            Limits(latency_ms=5e4, macs=2e12),
        ),
        0.05,
    )
    assert f"Front of micro on my_phone, float32: {counts}" in texts
    assert "limit 50,000 ms (with a margin of 5.0%)" in texts
    assert "limits: multiply-accumulates 2,000 billions; bars" in texts
    assert "--arch=own.json:N" in texts


def test_a_device_is_named_only_where_latencies_count(front: Front, tmp_path: Path) -> None:
    path = tmp_path / "front.json"
    assert "Front of micro, float32: " in _texts(front, path, FrontRequest(["macs"]))
    limited = _texts(front, path, FrontRequest(["macs"], Limits(latency_ms=5e4)), 0.05)
    assert "Front of micro on my_phone, float32: " in limited
    assert "limits: predicted latency 50,000 ms (with a margin of 5.0%)" in limited
    assert "front, colored by predicted latency" in _texts(front, path, FrontRequest(["macs", "latency_ms"]))
