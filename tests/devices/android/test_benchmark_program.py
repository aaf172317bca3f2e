"""A model is run by the delegate that was asked for, and what hangs or dies is ended and told."""

import dataclasses
import os
import re
import time
from pathlib import Path

import pytest

from ofa_tf.devices.android import adb_program
from ofa_tf.devices.android.adb import Adb, ShellResult
from ofa_tf.devices.android.benchmark_model import program as benchmark_program
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings
from tests.support.adb_daemon import AdbDaemon
from tests.support.adb_phone import SETTINGS, USES_ADB, measure, phone_device
from tests.support.benchmark_model import install_benchmark_model

pytestmark = USES_ADB


def test_old_builds_of_the_program_serve_too(
    daemon: AdbDaemon,
    tmp_path: Path,
    model: Path,
) -> None:
    binary = install_benchmark_model(tmp_path / "old", "old")
    (measurement,) = phone_device(daemon, binary).measure([BenchmarkModel("m", model)], SETTINGS)
    assert measurement.error is None
    assert measurement.latency_ms > 0


def test_an_attempt_ends_the_program_that_a_cut_connection_left(
    daemon: AdbDaemon,
    tmp_path: Path,
    model: Path,
) -> None:
    binary = install_benchmark_model(tmp_path / "slow")
    # The first call does not print, so it does not notice that nobody listens any more.
    begin = 'echo start; [ -e "$0.started" ] || { touch "$0.started"; exec sleep 60; }'
    binary.write_text(binary.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\n{begin}\n"))
    daemon.faults.cut_command, daemon.faults.cut_shell_after, daemon.faults.times = "graph=", 3, 1
    running: list[int] = []

    def count(done: int, total: int) -> None:
        running.append(len(daemon.processes()))

    (measurement,) = measure(phone_device(daemon, binary, wait_s=30), model, on_progress=count)
    assert measurement.error is None
    assert running[0] == 0


def test_what_a_lost_phone_kept_is_removed_later(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
) -> None:
    old, at_work = daemon.storage / "ofa_tf_0123456789ab", daemon.storage / "ofa_tf_ba9876543210"
    for folder in (old, at_work):
        folder.mkdir()
        (folder / "model.tflite").write_bytes(b"x")
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))
    measure(phone_device(daemon, binary), model)
    assert daemon.files() == [at_work.name, f"{at_work.name}/model.tflite"]


def test_a_model_that_is_killed_is_recorded_and_the_others_go_on(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
    tmp_path: Path,
) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(model.read_bytes()[:100])
    daemon.faults.kill_command, daemon.faults.times = "graph=", 1
    models = [BenchmarkModel(path.name, path) for path in (model, broken, model)]
    killed, failed, good = phone_device(daemon, binary).measure(models, SETTINGS)
    assert (
        killed.error
        == "Expected benchmark_model to finish. Received: it was killed by SIGKILL (perhaps out of memory)."
    )
    assert failed.error is not None
    assert failed.error.startswith("Expected the benchmark to run the model. Received: ")
    assert good.error is None
    assert daemon.files() == []


def test_a_program_that_hangs_is_ended_at_the_time_limit(
    daemon: AdbDaemon,
    tmp_path: Path,
    model: Path,
) -> None:
    binary = tmp_path / "sleeper"
    binary.write_text("#!/bin/sh\nexec sleep 1000\n")
    settings = BenchmarkSettings(rounds=1, num_runs=1, min_time_s=0, time_limit_s=3)
    (measurement,) = measure(phone_device(daemon, binary), model, settings=settings)
    assert measurement.error == "the time limit of 3 s was reached"
    assert daemon.processes() == []
    assert daemon.files() == []


@pytest.mark.long
def test_a_model_that_hangs_leaves_time_to_the_others(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(benchmark_program, "_CALL_S", 12.0)
    other = model.with_name("other.tflite")
    other.write_bytes(model.read_bytes() + bytes(16))
    daemon.faults.hang_command, daemon.faults.times = "graph=", 1
    first, second = measure(phone_device(daemon, binary), model, other)
    assert first.error == "Expected benchmark_model to finish within 12 s. Received: it was still running."
    assert second.error is None


@pytest.mark.long
def test_a_phone_that_leaves_the_network_without_a_word_is_no_model_that_hangs(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(benchmark_program, "_CALL_S", 12.0)
    monkeypatch.setattr(adb_program, "ANSWER_S", 5.0)
    # Neither the call nor the one that is to end it is answered; then the phone is back.
    daemon.faults.hang_command, daemon.faults.times = "kill -9", 2
    # The time would be up after both of them, were it not given back.
    settings = dataclasses.replace(SETTINGS, time_limit_s=15)
    (measurement,) = measure(phone_device(daemon, binary), model, settings=settings)
    assert daemon.faults.times == 0
    assert measurement.error is None


@pytest.mark.long
def test_a_phone_that_is_silent_whenever_it_runs_a_model_uses_up_the_time(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(benchmark_program, "_CALL_S", 5.0)
    monkeypatch.setattr(adb_program, "ANSWER_S", 5.0)
    run_script = Adb.run_script

    def run_silently(
        self: Adb,
        script: str,
        timeout_s: float | None = None,
    ) -> ShellResult:
        if timeout_s is not None:
            daemon.faults.hang_command, daemon.faults.times = "kill -9", 2
        return run_script(self, script, timeout_s)

    monkeypatch.setattr(Adb, "run_script", run_silently)
    # The first silence of each model is given back, the second is not: there is time for the first of them only.
    settings = dataclasses.replace(SETTINGS, time_limit_s=14)
    first, second = measure(phone_device(daemon, binary), model, model, settings=settings)
    assert first.error == "Expected benchmark_model to finish within 5 s. Received: the phone gave no answer, twice."
    assert second.error == "the time limit of 14 s was reached"


def test_a_latency_of_another_delegate_is_refused(daemon: AdbDaemon, binary: Path, model: Path) -> None:
    device = phone_device(daemon, binary, delegate="gpu")
    (measurement,) = device.measure([BenchmarkModel("m", model)], SETTINGS)
    message = "Expected the gpu delegate to run the model. Received: .*is unsupported on this platform"
    assert re.search(message, measurement.error or "")


@pytest.mark.parametrize(("precision", "is_lossy"), [("fp16", "true"), ("fp32", "false")])
def test_a_precision_of_gpus_is_passed_on(
    daemon: AdbDaemon, binary: Path, model: Path, precision: str, is_lossy: str
) -> None:
    device = phone_device(daemon, binary, delegate="gpu", gpu_precision=precision)
    (measurement,) = device.measure([BenchmarkModel("m", model)], SETTINGS)
    assert measurement.device["gpu_precision"] == precision
    assert any(f"--use_gpu=true --gpu_precision_loss_allowed={is_lossy} " in command for command in daemon.commands)


def test_a_delegate_that_the_program_lacks_is_an_error(
    daemon: AdbDaemon,
    tmp_path: Path,
    model: Path,
) -> None:
    binary = install_benchmark_model(tmp_path / "lacking", lacks=["use_gpu"])
    (measurement,) = measure(phone_device(daemon, binary, delegate="gpu"), model)
    assert measurement.error is not None
    assert measurement.error.startswith("Expected benchmark_model to know --use_gpu. Received: ")


@pytest.mark.parametrize(("delegate", "is_right"), [("LITERT_CL", True), ("TfLiteXNNPackDelegate", False)])
def test_the_delegate_is_known_by_its_name(
    daemon: AdbDaemon,
    tmp_path: Path,
    model: Path,
    delegate: str,
    is_right: bool,
) -> None:
    lines = [
        f"Replacing 5 out of 5 node(s) with delegate ({delegate}) node, yielding 1 partitions for x.",
        *["count=9 first=600 curr=500 min=500 max=600 avg=540 std=50 p5=500 median=500 p95=600"] * 2,
        "Inference timings in us: Init: 1, First inference: 6, Warmup (avg): 540, Inference (avg): 540",
    ]
    binary = tmp_path / "other"
    binary.write_text("#!/bin/sh\nprintf '%s\\n' " + " ".join(f"'{line}'" for line in lines) + "\n")
    (measurement,) = measure(phone_device(daemon, binary, delegate="gpu"), model)
    if is_right:
        assert (measurement.latency_ms, measurement.error) == (0.5, None)
    else:
        assert measurement.error == (
            "Expected the gpu delegate to run the model. Received: the delegates TfLiteXNNPackDelegate."
        )
