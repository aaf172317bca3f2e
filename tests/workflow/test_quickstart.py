import dataclasses
import types
from pathlib import Path
from typing import Any

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.presets import get_search_space
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.shipping.sidecar import describe, save_tflite
from ofa_tf.workflow import quickstart, quickstart_export
from ofa_tf.workflow.latency_settings import LatencyTableSettings
from ofa_tf.workflow.quickstart_settings import QUICKSTART_MODELS, QuickstartSettings
from tests.support.formula_device import FormulaDevice


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_archs": 9}, "Expected `num_archs` to be at least 10. Received: num_archs=9"),
        ({"num_networks": 3}, "Expected `num_networks` to be at least 4. Received: num_networks=3"),
        ({"max_accuracy_drop": -0.01}, r"Expected `max_accuracy_drop` to be in \[0, 1\]. Received: .*=-0.01"),
        ({"precision": "int4"}, r"Expected `precision` to be one of \['float32', 'int8'\]. Received: precision='int4'"),
    ],
)
def test_a_quickstart_that_would_fail_after_its_training_is_refused_before(settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        dataclasses.replace(QuickstartSettings(), **settings)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            InputError("Expected the int8 model to agree.\nReceived: no."),
            "Expected the int8 model to agree. Received: no.",
        ),
        (RuntimeError("no such operator"), "RuntimeError: no such operator"),
    ],
)
def test_a_model_that_is_not_shipped_says_why_and_leaves_none_of_another_network(
    tmp_path: Path, error: Exception, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "found_1_int8.tflite"
    arch = get_search_space("mobilenet_v3_tiny").smallest(24)
    description = describe(arch, ExportOptions("int8"), 2, InputFormat(), ["cat", "dog"])
    save_tflite(path, b"a model of an earlier call", {**description, "num_macs": 1})
    row: dict[str, Any] = {"name": "found_1", "errors": {}}
    quickstart_export._note_failure(row, QUICKSTART_MODELS["int8"], path, error)
    assert row["errors"] == {"int8": reason}
    assert f"found_1 is not shipped as int8: {reason}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_seconds_of_what_was_interrupted_count_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(quickstart.time, "monotonic", lambda: now[0])
    path = tmp_path / "seconds.json"

    def be_interrupted() -> None:
        with quickstart._Clock(path).measure("accuracy_table"):
            now[0] += 10
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        be_interrupted()
    clock = quickstart._Clock(path)
    with clock.measure("accuracy_table", goes_on=True):
        now[0] += 5
    with clock.measure("search"):
        now[0] += 3
    assert quickstart._Clock(path).seconds == {"accuracy_table": 15, "search": 3}
    with clock.measure("search"):
        now[0] += 2
    assert clock.seconds["search"] == 2


@pytest.mark.parametrize(("num_held_out", "is_kept"), [(3, False), (4, True)])
def test_a_latency_table_that_was_checked_on_more_networks_is_kept(
    tmp_path: Path, num_held_out: int, is_kept: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "table.json"
    table = types.SimpleNamespace(held_out={"archs": [{}] * num_held_out})
    run = types.SimpleNamespace(
        latency_table_path=lambda device, precision: path,
        latency_model=lambda device, precision: types.SimpleNamespace(table=table),
    )
    settings = LatencyTableSettings(precision="int8", num_held_out=3)
    assert quickstart._find_better_table(run, FormulaDevice(), settings) is None  # there is no file
    path.touch()
    kept = quickstart._find_better_table(run, FormulaDevice(), settings)
    assert (kept is table) == is_kept
    assert ("keeping the latency table that was checked on 4 networks" in capsys.readouterr().err) == is_kept


def test_a_latency_table_of_something_else_is_not_kept(tmp_path: Path) -> None:
    def refuse(device: object, precision: str) -> None:
        raise InputError("of another computer")

    path = tmp_path / "table.json"
    path.touch()
    run = types.SimpleNamespace(latency_table_path=lambda device, precision: path, latency_model=refuse)
    assert quickstart._find_better_table(run, FormulaDevice(), LatencyTableSettings()) is None
