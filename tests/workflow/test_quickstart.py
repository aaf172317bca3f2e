import dataclasses
from pathlib import Path
from typing import Any

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.shipping.sidecar import save_tflite
from ofa_tf.workflow import quickstart, quickstart_export
from ofa_tf.workflow.quickstart_settings import QUICKSTART_MODELS, QuickstartSettings


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
    save_tflite(path, b"a model of an earlier call", {})
    row: dict[str, Any] = {"name": "found_1", "errors": {}}
    quickstart_export._note_failure(row, QUICKSTART_MODELS["int8"], path, error)
    assert row["errors"] == {"int8": reason}
    assert f"found_1 is not shipped as int8: {reason}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

    path.write_bytes(b"not ours")
    quickstart_export._note_failure(row, QUICKSTART_MODELS["int8"], path, error)
    assert path.read_bytes() == b"not ours"


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
