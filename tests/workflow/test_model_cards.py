"""Latencies that are measured after an export get into the card and the sidecar."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.devices.benchmark_results import load_benchmark, save_benchmark, with_hashes
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Measurement
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.ship_subnet import ship
from ofa_tf.tflite.shipping.sidecar import load_sidecar
from ofa_tf.workflow.model_cards import update_model_card
from tests.support.spaces import MICRO

PHONE = {"device": "adb:1.2.3.4:5", "serial": "1.2.3.4:5", "model": "Phone", "num_threads": 1, "before": {"heat": 1}}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    arch: Arch = MICRO.smallest()
    path = tmp_path_factory.mktemp("shipped") / "m.tflite"
    ship(build_subnet(MICRO, arch, 3), arch, path, ExportOptions(), ExportData(((1.0,) * 3, (2.0,) * 3)))
    return path


@pytest.fixture
def model(shipped: Path, tmp_path: Path) -> Path:
    for suffix in (".tflite", ".json", ".md"):
        shutil.copy(shipped.with_suffix(suffix), tmp_path)
    return tmp_path / shipped.name


def _benchmark(path: Path, model: Path, latency_ms: float | None, **facts: Any) -> Path:
    """A file of tools/benchmark.py of a model."""
    measurement = Measurement(str(model), latency_ms, num_runs=7, device={**PHONE, **facts})
    save_benchmark(path, with_hashes([measurement], [BenchmarkModel(str(model), model)]), BenchmarkSettings())
    return path


def test_a_card_is_made_again_with_latencies(model: Path, tmp_path: Path) -> None:
    before = model.with_suffix(".md").read_text()
    assert "## Latency\n\nNot known." in before
    one = _benchmark(tmp_path / "one.json", model, 2.5)
    assert load_benchmark(one)[0].model_sha256 == load_sidecar(model)["sha256"]
    four = _benchmark(tmp_path / "four.json", model, 1.5, num_threads=4)
    assert update_model_card(model, [one, four]) == model.with_suffix(".md")

    card = model.with_suffix(".md").read_text()
    assert "| Phone (`adb`) | not known | 1 | measured 2.500 ms |" in card
    assert "| Phone (`adb`) | not known | 4 | measured 1.500 ms |" in card
    measured = load_sidecar(model)["measured_latencies"]
    assert measured[0] == {
        "latency_ms": 2.5,
        "num_runs": 7,
        "device": {"device": "adb", "model": "Phone", "num_threads": 1},
    }

    # Measured again, the newer one counts; without a benchmark, what is known stays.
    _benchmark(tmp_path / "one.json", model, 2.0, device="adb:another", serial="another")
    update_model_card(model, [tmp_path / "one.json"])
    assert [entry["latency_ms"] for entry in load_sidecar(model)["measured_latencies"]] == [1.5, 2.0]
    card = model.with_suffix(".md").read_text()
    update_model_card(model)
    assert model.with_suffix(".md").read_text() == card
    assert card.replace("measured", "") != before


def test_a_card_says_whether_the_device_computes_the_same(model: Path, tmp_path: Path) -> None:
    path = _benchmark(tmp_path / "one.json", model, 2.5)
    document = json.loads(path.read_text())
    document["measurements"][0]["output_error"] = 2.5e-6
    path.write_text(json.dumps(document))
    update_model_card(model, [path])
    assert load_sidecar(model)["measured_latencies"][0]["output_error"] == 2.5e-6
    card = model.with_suffix(".md").read_text()
    assert "measured 2.500 ms; what it gives there differs by 2.5e-06 of the largest from here |" in card


def test_a_sidecar_of_an_earlier_version_gets_a_card(model: Path) -> None:
    sidecar = model.with_suffix(".json")
    facts = load_sidecar(model)
    for name in ("input_tensor", "output_tensor", "preprocessing"):
        facts.pop(name)
    files.write_json(sidecar, "tflite_model", facts)
    model.with_suffix(".md").unlink()
    update_model_card(model)
    assert load_sidecar(model)["input_tensor"]["shape"] == [1, 16, 16, 3]
    assert load_sidecar(model)["versions"] == facts["versions"]  # those of the export
    assert "What was cut out of test images is not known" in model.with_suffix(".md").read_text()


def test_a_benchmark_of_another_model_is_refused(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / model.name
    other.parent.mkdir()
    other.write_bytes(b"another model")
    benchmark = _benchmark(tmp_path / "b.json", other, 2.5)
    with pytest.raises(InputError, match=r"Received: one of another model of that name \(sha256 "):
        update_model_card(model, [benchmark])
    other.rename(other.with_name("n.tflite"))
    benchmark = _benchmark(tmp_path / "b.json", other.with_name("n.tflite"), 2.5)
    with pytest.raises(InputError, match=r"to have a latency of m\.tflite\. Received: measurements of .*n\.tflite\."):
        update_model_card(model, [benchmark])
    benchmark = _benchmark(tmp_path / "b.json", model, None)
    with pytest.raises(InputError, match=r"to have a latency of m\.tflite"):
        update_model_card(model, [benchmark])
    assert "measured_latencies" not in load_sidecar(model)


def test_a_quickstart_s_names_are_understood(model: Path, tmp_path: Path) -> None:
    measurement = Measurement("m", 2.5, device=PHONE)
    save_benchmark(tmp_path / "b.json", [measurement], BenchmarkSettings())
    update_model_card(model, [tmp_path / "b.json"])
    assert load_sidecar(model)["measured_latencies"][0]["latency_ms"] == 2.5
