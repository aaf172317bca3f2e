"""What the rounds of a model come to: on a hot phone, without time, for what is measured besides."""

import dataclasses
import re
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android import phone_condition
from ofa_tf.devices.device import BenchmarkModel
from ofa_tf.latency.piece_models import make_piece_models
from ofa_tf.latency.pieces import distinct_pieces
from ofa_tf.space.presets import get_search_space
from ofa_tf.tflite.litert.interpreter import create_interpreter
from tests.support.adb_daemon import AdbDaemon
from tests.support.adb_phone import SETTINGS, USES_ADB, measure, phone_device
from tests.support.benchmark_model import install_benchmark_model

pytestmark = USES_ADB


def test_hot_rounds_do_not_count_beside_cool_ones(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(phone_condition, "_COOL_DOWN_S", 0.0)
    daemon.health.thermal_status = 3

    def cool(done: int, total: int) -> None:
        daemon.health.thermal_status = 0

    (measurement,) = measure(phone_device(daemon, binary), model, on_progress=cool)
    runs_a_round = 5
    rounds = [command for command in daemon.commands if "--graph=" in command]
    assert measurement.num_runs == runs_a_round * (len(rounds) - 1)  # all but the first


def test_few_cool_rounds_are_doubtful(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(phone_condition, "_COOL_DOWN_S", 0.0)

    def heat(done: int, total: int) -> None:
        daemon.health.thermal_status = 3

    (measurement,) = measure(phone_device(daemon, binary), model, on_progress=heat)
    assert measurement.doubt == "the phone was hot in 5 of 6 rounds"


def test_a_hot_phone_is_left_to_cool_down(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(phone_condition, "_COOL_DOWN_S", 1.0)
    monkeypatch.setattr(phone_condition, "_SECONDS_BETWEEN_LOOKS", 0.2)
    daemon.health.thermal_status = 3
    (measurement,) = measure(phone_device(daemon, binary), model)
    assert "is hot (thermal status 3); waiting for it to cool down" in capsys.readouterr().err
    assert measurement.device["after"]["thermal_status"] == 3
    assert measurement.doubt == "the phone was hot in 6 of 6 rounds"  # repeated twice, and marked


@pytest.mark.long
def test_a_time_limit_keeps_the_rounds_that_were_done(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
) -> None:
    def hang(done: int, total: int) -> None:
        daemon.faults.hang_command = "graph="

    settings = dataclasses.replace(SETTINGS, time_limit_s=12)
    (measurement,) = measure(phone_device(daemon, binary), model, settings=settings, on_progress=hang)
    assert measurement.latency_ms is not None
    assert measurement.doubt == "the time limit of 12 s was reached in round 2"


def test_whole_microseconds_are_too_coarse_for_short_runs(
    daemon: AdbDaemon,
    tmp_path: Path,
    model: Path,
) -> None:
    statistics = "count=9 first=6 curr=5 min=5 max=6 avg=5.4 std=0.5 p5=5 median=5 p95=6"
    summary = "Inference timings in us: Init: 1, First inference: 6, Warmup (avg): 5.4, Inference (avg): 5.4"
    binary = tmp_path / "short"
    binary.write_text(f"#!/bin/sh\nprintf '%s\\n' '{statistics}' '{statistics}' '{summary}'\n")
    (measurement,) = measure(phone_device(daemon, binary), model)
    assert measurement.latency_ms == pytest.approx(0.0054)
    assert (measurement.latency_p5_ms, measurement.latency_p95_ms) == (0.005, 0.006)


def test_memory_is_measured_in_a_call_of_its_own(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
) -> None:
    settings = dataclasses.replace(SETTINGS, measure_peak_ram=True)
    (measurement,) = measure(phone_device(daemon, binary), model, settings=settings)
    assert measurement.peak_ram_bytes is not None
    assert measurement.peak_ram_bytes > 0
    watched = [command for command in daemon.commands if "--report_peak_memory_footprint" in command]
    assert len(watched) == 1
    assert measurement.num_runs % 10 == 0  # its runs do not count


def test_operators_are_measured_in_a_call_of_their_own(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
) -> None:
    (measurement,) = measure(
        phone_device(daemon, binary), model, settings=dataclasses.replace(SETTINGS, profile_operators=True)
    )
    (row,) = measurement.operators or []
    assert row["kind"] == "TfLiteXNNPackDelegate"
    assert row["mean_ms"] >= 0
    assert measurement.num_runs % 10 == 0  # those of the profile do not count


def test_a_build_without_a_profile_keeps_the_latency(
    daemon: AdbDaemon,
    tmp_path: Path,
    model: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    binary = install_benchmark_model(tmp_path / "other", lacks=["enable_op_profiling"])
    settings = dataclasses.replace(SETTINGS, profile_operators=True)
    (measurement,) = measure(phone_device(daemon, binary), model, settings=settings)
    assert measurement.latency_ms is not None
    assert measurement.operators is None
    assert (
        "no operator profile of m0: Expected benchmark_model to know --enable_op_profiling" in capsys.readouterr().err
    )


def test_a_piece_runs_in_the_shape_it_is_measured_in_where_it_could_not_in_its_own(
    daemon: AdbDaemon,
    binary: Path,
) -> None:
    """A flexible model has one pixel of its own; strips of a large kernel are empty there, which XNNPACK refuses."""
    space = get_search_space("mobilenet_v3_tiny")
    key = "k7_s2_in8_mid48_out16_relu"
    (piece,) = [piece for piece, _ in distinct_pieces(space, (32,)) if piece.key == key]
    content = make_piece_models(space, 10).convert(piece, 16)
    with pytest.raises(InputError, match="failed to reshape"):
        create_interpreter(content, "piece")
    (measurement,) = phone_device(daemon, binary).measure([BenchmarkModel("m", content, (1, 16, 16, 8))], SETTINGS)
    assert measurement.error is None
    assert measurement.latency_ms is not None


def test_what_is_no_model_is_not_measured_and_does_not_stop_the_others(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
) -> None:
    whole = model.read_bytes()
    damaged, sound = measure(phone_device(daemon, binary), whole[: len(whole) // 2], model)
    assert damaged.error is not None
    assert re.fullmatch(
        r"Expected .*\.tflite to be a complete TFLite file that LiteRT can run\. Received: .*\. "
        r"Write it again with tools/to_tflite\.py\.",
        damaged.error,
    )
    assert damaged.latency_ms is None
    assert sound.error is None
