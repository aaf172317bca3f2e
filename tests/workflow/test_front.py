"""The picture beside the file of a front."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.report.front_table import describe_front
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.constraints import Limits
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.front.measured_front import Front
from ofa_tf.search.front_search import FrontSearch, FrontSettings
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.space.costs import num_macs
from ofa_tf.workflow.front import FrontRequest, check_front_output, plot_path, save_front
from ofa_tf.workflow.search import SearchSettings
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


def _texts(front: Front, path: Path, request: FrontRequest) -> str:
    costs = [SubnetCosts("my_phone", 1, 1)] * len(front.best)
    save_front(front, path, request, costs, device="my_phone")
    return "\n".join(re.findall(r">([^<\n]+)</text>", plot_path(path).read_text()))


def test_a_file_names_the_latency_table_that_was_searched_with(front: Front, tmp_path: Path) -> None:
    path = tmp_path / "front.json"
    costs = [SubnetCosts("my_phone", 1, 1)] * len(front.best)
    for table in ("tables/two.json", None):
        save_front(front, path, FrontRequest(["macs"]), costs, device="my_phone", latency_table=table)
        document = json.loads(path.read_text())
        assert (document["device"], document["latency_table"]) == ("my_phone", table)


def test_a_picture_says_what_it_is_of(front: Front, tmp_path: Path) -> None:
    counts = f"{len(front.best)} of {len(front.points)} measured subnets within the limits"
    request = FrontRequest(["latency_ms"], Limits(latency_ms=5e4, macs=2e12))
    cautious = dataclasses.replace(front, margins={"latency_ms": 0.05})
    texts = _texts(cautious, tmp_path / "own.json", request)
    assert json.loads((tmp_path / "own.json").read_text())["latency_margin"] == 0.05
    assert f"Front of micro on my_phone, float32 models: {counts}" in texts
    assert "limit 50,000 ms (with a margin of 5.0%)" in texts
    assert "limits: multiply-accumulates 2,000 billions; bars" in texts
    assert "--arch=own.json:N" in texts


def test_a_device_is_named_only_where_latencies_count(front: Front, tmp_path: Path) -> None:
    path = tmp_path / "front.json"
    assert "Front of micro, float32 models: " in _texts(front, path, FrontRequest(["macs"]))
    cautious = dataclasses.replace(front, margins={"latency_ms": 0.05})
    limited = _texts(cautious, path, FrontRequest(["macs"], Limits(latency_ms=5e4)))
    assert "Front of micro on my_phone, float32 models: " in limited
    assert "limits: predicted latency 50,000 ms (with a margin of 5.0%)" in limited
    assert "front, colored by predicted latency" in _texts(front, path, FrontRequest(["macs", "latency_ms"]))


def test_the_title_and_the_table_count_the_same_subnets(front: Front, tmp_path: Path) -> None:
    costs = [SubnetCosts("host", 1, 1)] * len(front.best)
    for limits in (None, Limits(macs=2e12)):
        request = FrontRequest(["macs"], limits)
        texts = _texts(front, tmp_path / "front.json", request)
        _, counts = re.findall(r"Front of micro, (.*): (.*)", texts)[0]
        assert describe_front(front, costs, request.limits_by_name).startswith(f"front: {counts} (")
        assert counts.endswith(" within the limits") == (limits is not None)


def test_accuracies_of_float_models_are_not_told_as_those_of_shipped_ones(front: Front, tmp_path: Path) -> None:
    request = FrontRequest(["macs"], search=SearchSettings(precision="int8"))
    texts = _texts(front, tmp_path / "front.json", request)
    assert "Front of micro, costs of int8 models, top-1 of float32 models: " in texts


# --- where the picture goes ---------------------------------------------------------


def test_what_stands_where_the_picture_goes_is_looked_at_before_the_search(front: Front, tmp_path: Path) -> None:
    path = tmp_path / "front.json"
    plot = plot_path(path)
    check_front_output(path)
    plot.mkdir()
    with pytest.raises(
        InputError, match=rf"Expected {plot} .* Received: a folder; it is not replaced. Choose another --"
    ):
        check_front_output(path)
    plot.rmdir()

    plot.write_text('<svg xmlns="http://www.w3.org/2000/svg"><text>my own drawing</text></svg>')
    message = rf"Expected {plot} to be free, or an older plot of a front. Received: .* did not write"
    with pytest.raises(InputError, match=message):
        check_front_output(path)
    with pytest.raises(InputError, match="an older plot of a front"):
        _texts(front, path, FrontRequest(["macs"]))
    assert "my own drawing" in plot.read_text()

    plot.unlink()
    _texts(front, path, FrontRequest(["macs"]))
    check_front_output(path)
    _texts(front, path, FrontRequest(["macs"]))


def test_each_front_has_a_picture_of_its_own(tmp_path: Path) -> None:
    names = ["front.json", "front.json.json", "0.1.json", "0.2.json"]
    plots = [plot_path(tmp_path / name).name for name in names]
    assert plots == ["front.svg", "front.json.svg", "0.1.svg", "0.2.svg"]


@pytest.mark.parametrize("name", ["front", "front.svg", "front_0.1"])
def test_a_front_without_the_ending_json_is_refused_as_its_picture_may_be_that_of_another(
    front: Front, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    message = rf"Expected the file of a front to end in .json. Received: --output={path}. Name it {name}.json."
    with pytest.raises(InputError, match=message):
        check_front_output(path)
    with pytest.raises(InputError, match=message):
        _texts(front, path, FrontRequest(["macs"]))
    assert not list(tmp_path.iterdir())
