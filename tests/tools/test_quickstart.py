import json
from pathlib import Path

import pytest

from ofa_tf.arch import Arch
from ofa_tf.cost import num_macs, num_params
from ofa_tf.export.inference import TFLiteModel
from ofa_tf.export.sidecar import load_sidecar
from ofa_tf.presets import get_search_space

pytestmark = pytest.mark.slow

_SPACE = get_search_space("mobilenet_v3_tiny")


@pytest.fixture(scope="module")
def summary(quickstart: Path) -> dict:
    return json.loads((quickstart / "summary.json").read_text())


def test_the_summary_has_three_found_subnets_the_largest_and_the_plain_net(summary: dict) -> None:
    assert [row["name"] for row in summary["rows"]] == ["found_1", "found_2", "found_3", "largest", "plain_keras"]
    assert summary["schema"] == "ofa_tf/summary/1"
    assert {"train", "accuracy_table", "latency_table", "search", "export", "benchmark"} <= set(summary["seconds"])


def test_every_row_is_complete_and_agrees_with_the_formulas(summary: dict) -> None:
    for row in summary["rows"]:
        arch = Arch.from_dict(row["arch"])
        assert row["num_macs"] == num_macs(_SPACE, arch, 2)
        assert row["num_params"] == num_params(_SPACE, arch, 2)
        assert row["latency_ms"] > 0
        assert row["predicted_latency_ms"] > 0
        assert 0 <= row["float_top1"] <= 1
        assert 0 <= row["int8_top1"] <= 1


def test_found_subnets_are_predicted_to_be_within_their_budgets(summary: dict) -> None:
    budgets = []
    for row in summary["rows"][:3]:
        assert row["predicted_latency_ms"] <= row["budget_ms"]
        budgets.append(row["budget_ms"])
    assert budgets == sorted(set(budgets))


def test_the_shipped_models_are_what_their_sidecars_and_the_summary_say(summary: dict) -> None:
    for row in summary["rows"]:
        for kind, dtype in (("float", "float32"), ("int8", "int8")):
            path = Path(row[f"tflite_{kind}"])
            sidecar = load_sidecar(path)
            assert sidecar["arch"] == row["arch"]
            assert sidecar["top1"] == row[f"{kind}_top1"]
            assert sidecar["class_names"] == ["ant", "bee"]
            model = TFLiteModel(path)
            assert (model.image_size, model.num_classes) == (row["arch"]["image_size"], 2)
            assert model.input_dtype == dtype
        assert Path(row["tflite_float"]).stat().st_size == row["size_bytes"]
        assert Path(row["tflite_int8"]).stat().st_size == row["int8_size_bytes"]


def test_the_final_table_shows_every_row(quickstart: Path, summary: dict) -> None:
    printed = (quickstart / "stdout.txt").read_text()
    for row in summary["rows"]:
        line = next(line for line in printed.splitlines() if line.startswith(row["name"]))
        assert f"{row['num_macs']:,}" in line
        assert f"{row['latency_ms']:.3f}" in line


def test_checkpoints_tables_and_logs_are_left_behind(quickstart: Path) -> None:
    phases = ("full", "kernel", "depth_1", "depth_2", "width_1", "width_2")
    assert {path.name for path in (quickstart / "checkpoints").iterdir()} == set(phases)
    for name in ("accuracy_table.json", "benchmark.json", "supernet.keras", "latency_tables/host_float32.json"):
        assert (quickstart / name).is_file()
