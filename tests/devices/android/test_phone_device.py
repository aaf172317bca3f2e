"""A phone is measured through the real adb, whatever goes wrong on the way; nothing stays on it."""

import contextlib
import dataclasses
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android import adb as adb_module
from ofa_tf.devices.android import adb_program, benchmark_program, phone_condition
from ofa_tf.devices.android.adb import Adb
from ofa_tf.devices.android.adb_program import PhoneLostError
from ofa_tf.devices.android.connected_phones import choose_phone, list_phones
from ofa_tf.devices.android.phone_device import PhoneDevice
from ofa_tf.devices.android.phone_settings import PhoneSettings
from ofa_tf.devices.benchmark_results import load_benchmark
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Measurement, Progress
from ofa_tf.latency import table_builder
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.latency.piece_models import make_piece_models
from ofa_tf.latency.pieces import Piece
from ofa_tf.latency.table_builder import build_latency_table
from tests.support.adb_daemon import AdbDaemon
from tests.support.adb_server import AdbServer
from tests.support.benchmark_model import install_benchmark_model
from tests.support.repository import ROOT
from tests.support.spaces import MICRO

pytestmark = pytest.mark.skipif(shutil.which("adb") is None, reason="adb is not installed")
SETTINGS = BenchmarkSettings(warmup_runs=1, num_runs=5, rounds=2, min_time_s=0, time_limit_s=60, measure_peak_ram=False)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdbServer]:
    with AdbServer(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch, server: AdbServer) -> None:
    for name in ("ANDROID_ADB_SERVER_PORT", "HOME", "TMPDIR"):
        monkeypatch.setenv(name, server.environment[name])
    monkeypatch.setattr(adb_module, "_PAUSE_S", 0.05)
    monkeypatch.setattr(adb_module, "_SECONDS_BETWEEN_LOOKS", 0.2)


@pytest.fixture
def daemon(server: AdbServer, tmp_path: Path) -> Iterator[AdbDaemon]:
    """A connected phone, on which nothing is left in the end."""
    folder = tmp_path / "phone"
    folder.mkdir()
    with AdbDaemon(folder) as daemon:
        server.run("connect", daemon.serial)
        yield daemon
        server.run("disconnect", daemon.serial)
        assert daemon.processes() == []


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    return install_benchmark_model(tmp_path / "benchmark_model")


@pytest.fixture
def model(tmp_path: Path, small_model: bytes) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(small_model)
    return path


def _device(daemon: AdbDaemon, binary: Path, **settings: Any) -> PhoneDevice:
    return PhoneDevice(daemon.serial, PhoneSettings(binary, min_run_s=0, **settings))


def _measure(device: PhoneDevice, *models: Path | bytes, settings: BenchmarkSettings = SETTINGS) -> list[Measurement]:
    shape = (1, 1, 1, 8)
    return device.measure([BenchmarkModel(f"m{i}", content, shape) for i, content in enumerate(models)], settings)


def test_a_model_is_measured_and_nothing_stays(daemon: AdbDaemon, binary: Path, model: Path) -> None:
    (measurement,) = _measure(_device(daemon, binary), model)
    assert measurement.error is None
    assert measurement.latency_ms > 0
    assert measurement.latency_p5_ms <= measurement.latency_ms <= measurement.latency_p95_ms
    assert measurement.num_runs % 10 == 0
    assert measurement.num_partitions == 1
    device = measurement.device
    assert (device["model"], device["abi"]) == ("Stand In 1", "x86_64")
    assert device["device"] == f"adb:{daemon.serial}"
    assert device["before"]["battery_percent"] == 85
    assert device["before"]["battery_celsius"] == 25
    assert device["after"]["thermal_status"] == 0
    assert device["rounds"] == 2
    assert "--num_runs=5" in device["flags"]
    assert daemon.files() == []


@pytest.mark.parametrize("style", ["old", "litert"])
def test_other_builds_of_the_program_serve_too(daemon: AdbDaemon, tmp_path: Path, model: Path, style: str) -> None:
    binary = install_benchmark_model(tmp_path / style, style)
    (measurement,) = _device(daemon, binary).measure([BenchmarkModel("m", model)], SETTINGS)
    assert measurement.error is None
    assert measurement.latency_ms > 0


def test_rounds_are_interleaved_and_files_pushed_once(daemon: AdbDaemon, binary: Path, model: Path) -> None:
    other = model.with_name("other.tflite")
    other.write_bytes(model.read_bytes() + bytes(16))
    _measure(_device(daemon, binary), model, other)
    graphs = [command.split("--graph=")[1].split()[0] for command in daemon.commands if "--graph=" in command]
    assert graphs[:4] == [graphs[0], graphs[1]] * 2
    assert graphs[0] != graphs[1]
    assert sorted(daemon.pushes) == sorted([graphs[0].rpartition("/")[0] + "/benchmark_model", *graphs[:2]])


@pytest.mark.parametrize("name", ["with blank", 'it\'s "so"', "a;touch b", "$(touch b)", "Größe €", "-rf"])
def test_any_file_name_is_pushed_and_run(daemon: AdbDaemon, binary: Path, model: Path, name: str) -> None:
    odd = model.with_name(f"{name}.tflite")
    model.rename(odd)
    (measurement,) = _measure(_device(daemon, binary), odd)
    assert measurement.error is None
    assert daemon.files() == []
    adb = Adb(daemon.serial)
    assert adb.shell("printf", "%s", name).stdout == name
    assert adb.shell("mkdir", "--", f"/data/local/tmp/{name}").status == 0
    assert daemon.files() == [name]
    adb.shell("rmdir", "--", f"/data/local/tmp/{name}")


def test_exit_statuses_and_errors_of_commands_arrive(daemon: AdbDaemon) -> None:
    result = Adb(daemon.serial).run_script("echo out; echo err >&2; exit_with() { return 3; }; exit_with")
    assert (result.status, result.stdout, result.stderr) == (3, "out\n", "err\n")


def test_a_phone_without_the_new_shell_is_measured(
    server: AdbServer, daemon: AdbDaemon, binary: Path, model: Path
) -> None:
    server.run("disconnect", daemon.serial)
    daemon.faults.without_shell_v2 = True
    server.run("connect", daemon.serial)
    assert Adb(daemon.serial).shell("false").status == 1
    (measurement,) = _measure(_device(daemon, binary), model)
    assert measurement.error is None


@contextlib.contextmanager
def _benchmark(*arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """Runs tools/benchmark.py as a user would."""
    program = str(ROOT / "tools" / "benchmark.py")
    # A shell starts what runs in its background with Ctrl-C ignored.
    command = ["env", "--default-signal=INT", sys.executable, program, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it took longer than 60 s"
        time.sleep(0.05)


# What can go wrong.


def test_without_a_phone_the_user_is_told_to_plug_one_in() -> None:
    with pytest.raises(InputError, match=r"Expected a phone. Received: none that adb sees. Plug the phone in"):
        choose_phone()
    with pytest.raises(InputError, match=r"Expected the phone 0123 to be ready. Received: it is absent"):
        choose_phone("0123")


def test_without_adb_the_user_is_told_to_install_it() -> None:
    with pytest.raises(InputError, match=r"Expected the program 'no_adb'. Received: not found. Install"):
        list_phones("no_adb")


def test_of_two_phones_one_must_be_named(server: AdbServer, daemon: AdbDaemon, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    with AdbDaemon(tmp_path / "second") as second:
        server.run("connect", second.serial)
        with pytest.raises(InputError, match=r"or --device=adb:SERIAL. Received: 2 phones: "):
            choose_phone()
        assert choose_phone(second.serial) == second.serial
        server.run("disconnect", second.serial)
    assert choose_phone() == daemon.serial


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("unauthorized", "it is unauthorized. Unlock the phone and confirm"),
        ("offline", "it is (offline. Unplug the phone and plug it in|absent. Plug the phone in)"),
    ],
)
def test_a_phone_that_is_not_ready_says_what_to_do(
    server: AdbServer, daemon: AdbDaemon, binary: Path, model: Path, fault: str, message: str
) -> None:
    server.run("disconnect", daemon.serial)
    setattr(daemon.faults, fault, True)
    server.run("connect", daemon.serial)
    with pytest.raises(PhoneLostError, match=f"to be ready. Received: {message}"):
        _measure(_device(daemon, binary), model)


@pytest.mark.parametrize(
    "fault",
    [
        {"cut_command": "graph=", "cut_shell_after": 100},
        {"cut_command": "graph=", "cut_shell_after": 0},
        {"cut_push_after": 100},
        {"corrupt_push": True},
    ],
    ids=str,
)
def test_a_fault_of_the_connection_is_met_with_another_attempt(
    daemon: AdbDaemon, binary: Path, model: Path, fault: dict[str, Any]
) -> None:
    for name, value in {**fault, "times": 1}.items():
        setattr(daemon.faults, name, value)
    (measurement,) = _measure(_device(daemon, binary, wait_s=20), model)
    assert measurement.error is None
    assert daemon.faults.times == 0
    assert daemon.files() == []


def test_a_phone_that_is_unplugged_is_waited_for(
    daemon: AdbDaemon, binary: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.faults.cut_command, daemon.faults.gone_seconds, daemon.faults.times = "graph=", 2, 1
    (measurement,) = _measure(_device(daemon, binary, wait_s=30), model)
    assert measurement.error is None
    assert "waiting for it up to 0.5 minutes" in capsys.readouterr().err


def test_a_table_whose_phone_is_lost_is_continued(
    daemon: AdbDaemon, server: AdbServer, binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_builder, "_BATCH_SIZE", 8)
    monkeypatch.setattr(table_builder, "_NUM_ANCHORS", 2)
    device, unfinished_path = _device(daemon, binary), tmp_path / "table.part.json"
    models = make_piece_models(MICRO, 10)
    converted: list[str] = []

    def build(on_progress: Progress | None = None) -> LatencyTable:
        def convert_piece(piece: Piece, size: int) -> bytes:
            converted.append(f"{piece.key}@{size}")
            return models.convert(piece, size)

        settings = dataclasses.replace(SETTINGS, rounds=1)
        return build_latency_table(
            dataclasses.replace(models, convert=convert_piece),
            device,
            settings=settings,
            on_progress=on_progress,
            unfinished_path=unfinished_path,
        )

    def lose_the_phone(done: int, total: int) -> None:
        if done == 16:
            daemon.faults.cut_command, daemon.faults.gone_seconds = "graph=", 1000

    with pytest.raises(PhoneLostError, match="to be ready"):
        build(lose_the_phone)
    assert unfinished_path.exists()
    first = list(converted)
    daemon.faults.cut_command = None
    daemon.disconnect(seconds=0.01)
    deadline = time.monotonic() + 20
    while list_phones().get(daemon.serial) != "device":  # adb takes a moment to notice, and calls it offline
        assert time.monotonic() < deadline, "it does not come back"
        server.run("disconnect", daemon.serial)
        server.run("connect", daemon.serial)
        time.sleep(0.1)
    converted.clear()
    table = build()
    assert set(first[:16]) & set(converted) == set(first[:2])  # of what was measured, only the anchors are again
    assert all(latency_ms >= 0 for row in table.entries.values() for latency_ms in row.values())
    assert table.device["serial"] == daemon.serial


def test_a_phone_is_waited_for_between_two_measurements(
    daemon: AdbDaemon, server: AdbServer, binary: Path, model: Path
) -> None:
    device = _device(daemon, binary, wait_s=30)
    _measure(device, model)
    daemon.disconnect(seconds=1)
    server.run("disconnect", daemon.serial)
    assert _measure(device, model)[0].error is None


def test_an_attempt_ends_the_program_that_a_cut_connection_left(daemon: AdbDaemon, tmp_path: Path, model: Path) -> None:
    binary = install_benchmark_model(tmp_path / "slow")
    # The first call does not print, so it does not notice that nobody listens any more.
    begin = 'echo start; [ -e "$0.started" ] || { touch "$0.started"; exec sleep 60; }'
    binary.write_text(binary.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\n{begin}\n"))
    daemon.faults.cut_command, daemon.faults.cut_shell_after, daemon.faults.times = "graph=", 3, 1
    running: list[int] = []

    def count(done: int, total: int) -> None:
        running.append(len(daemon.processes()))

    (measurement,) = _device(daemon, binary, wait_s=30).measure(
        [BenchmarkModel("m", model, (1, 1, 1, 8))], SETTINGS, count
    )
    assert measurement.error is None
    assert running[0] == 0


@pytest.mark.long
def test_a_model_that_hangs_leaves_time_to_the_others(
    daemon: AdbDaemon, binary: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark_program, "_CALL_S", 12.0)
    other = model.with_name("other.tflite")
    other.write_bytes(model.read_bytes() + bytes(16))
    daemon.faults.hang_command, daemon.faults.times = "graph=", 1
    first, second = _measure(_device(daemon, binary), model, other)
    assert first.error == "Expected benchmark_model to finish within 12 s. Received: it was still running."
    assert second.error is None


@pytest.mark.long
def test_a_phone_that_leaves_the_network_without_a_word_is_no_model_that_hangs(
    daemon: AdbDaemon, binary: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark_program, "_CALL_S", 12.0)
    monkeypatch.setattr(adb_program, "ANSWER_S", 5.0)
    # Neither the call nor the one that is to end it is answered; then the phone is back.
    daemon.faults.hang_command, daemon.faults.times = "kill -9", 2
    # The time would be up after both of them, were it not given back.
    settings = dataclasses.replace(SETTINGS, time_limit_s=15)
    (measurement,) = _measure(_device(daemon, binary), model, settings=settings)
    assert daemon.faults.times == 0
    assert measurement.error is None


@pytest.mark.long
def test_a_phone_that_is_silent_whenever_it_runs_a_model_uses_up_the_time(
    daemon: AdbDaemon, binary: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark_program, "_CALL_S", 5.0)
    monkeypatch.setattr(adb_program, "ANSWER_S", 5.0)
    run_script = Adb.run_script

    def run_silently(self: Adb, script: str, timeout_s: float | None = None) -> adb_module.ShellResult:
        if timeout_s is not None:
            daemon.faults.hang_command, daemon.faults.times = "kill -9", 2
        return run_script(self, script, timeout_s)

    monkeypatch.setattr(Adb, "run_script", run_silently)
    # The first silence of each model is given back, the second is not: there is time for the first of them only.
    settings = dataclasses.replace(SETTINGS, time_limit_s=14)
    first, second = _measure(_device(daemon, binary), model, model, settings=settings)
    assert first.error == "Expected benchmark_model to finish within 5 s. Received: the phone gave no answer, twice."
    assert second.error == "the time limit of 14 s was reached"


def test_what_a_lost_phone_kept_is_removed_later(daemon: AdbDaemon, binary: Path, model: Path) -> None:
    old, at_work = daemon.storage / "ofa_tf_0123456789ab", daemon.storage / "ofa_tf_ba9876543210"
    for folder in (old, at_work):
        folder.mkdir()
        (folder / "model.tflite").write_bytes(b"x")
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))
    _measure(_device(daemon, binary), model)
    assert daemon.files() == [at_work.name, f"{at_work.name}/model.tflite"]


@pytest.mark.parametrize(
    ("style", "delegate", "message"),
    [
        ("new", "gpu", "Expected the gpu delegate to run the model. Received: .*is unsupported on this platform"),
        ("litert", "none", "Expected benchmark_model to know --use_xnnpack"),
    ],
)
def test_a_latency_of_another_delegate_is_refused(
    daemon: AdbDaemon, tmp_path: Path, model: Path, style: str, delegate: str, message: str
) -> None:
    device = _device(daemon, install_benchmark_model(tmp_path / style, style), delegate=delegate)
    (measurement,) = device.measure([BenchmarkModel("m", model)], SETTINGS)
    assert re.search(message, measurement.error or "")


def test_hot_rounds_do_not_count_beside_cool_ones(
    daemon: AdbDaemon, binary: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_condition, "_COOL_DOWN_S", 0.0)
    daemon.health.thermal_status = 3

    def cool(done: int, total: int) -> None:
        daemon.health.thermal_status = 0

    (measurement,) = _device(daemon, binary).measure([BenchmarkModel("m", model, (1, 1, 1, 8))], SETTINGS, cool)
    runs_a_round = 5
    rounds = [command for command in daemon.commands if "--graph=" in command]
    assert measurement.num_runs == runs_a_round * (len(rounds) - 1)  # all but the first


def test_a_phone_that_is_offline_is_connected_anew(daemon: AdbDaemon) -> None:
    daemon.faults.offline = True
    daemon.disconnect()
    _wait_until(lambda: list_phones().get(daemon.serial) == "offline")
    recovery = threading.Timer(1, lambda: setattr(daemon.faults, "offline", False))
    recovery.start()
    assert Adb(daemon.serial, wait_s=30).shell("echo", "back").stdout == "back\n"
    recovery.join()


def test_a_phone_that_stays_away_ends_the_measurement(daemon: AdbDaemon, binary: Path, model: Path) -> None:
    daemon.faults.cut_command, daemon.faults.gone_seconds = "graph=", 1000
    with pytest.raises(PhoneLostError, match=r"Expected the phone .* to be ready"):
        _measure(_device(daemon, binary, wait_s=1), model)


def test_a_connection_that_fails_every_time_is_an_error(daemon: AdbDaemon, binary: Path, model: Path) -> None:
    daemon.faults.corrupt_push = True
    with pytest.raises(
        PhoneLostError, match=r"to stay connected. Received: .*benchmark_model arrived damaged \(3 attempts\)"
    ):
        _measure(_device(daemon, binary), model)
    assert daemon.files() == []


def test_a_full_phone_is_named(daemon: AdbDaemon, binary: Path, model: Path) -> None:
    daemon.faults.full_disk_after = 0
    with pytest.raises(InputError, match=r"to have room for .*benchmark_model.*no space left on device"):
        _measure(_device(daemon, binary), model)
    assert daemon.files() == []


def test_a_model_that_is_killed_is_recorded_and_the_others_go_on(
    daemon: AdbDaemon, binary: Path, model: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(model.read_bytes()[:100])
    daemon.faults.kill_command, daemon.faults.kill_after_seconds, daemon.faults.times = "graph=", 0.05, 1
    models = [BenchmarkModel(path.name, path) for path in (model, broken, model)]
    killed, failed, good = _device(daemon, binary).measure(models, SETTINGS)
    assert (
        killed.error
        == "Expected benchmark_model to finish. Received: it was killed by SIGKILL (perhaps out of memory)."
    )
    assert failed.error is not None
    assert failed.error.startswith("Expected the benchmark to run the model. Received: ")
    assert good.error is None
    assert daemon.files() == []


def test_a_program_that_hangs_is_ended_at_the_time_limit(daemon: AdbDaemon, tmp_path: Path, model: Path) -> None:
    binary = tmp_path / "sleeper"
    binary.write_text("#!/bin/sh\nexec sleep 1000\n")
    settings = BenchmarkSettings(rounds=1, num_runs=1, min_time_s=0, time_limit_s=3)
    (measurement,) = _measure(_device(daemon, binary), model, settings=settings)
    assert measurement.error == "the time limit of 3 s was reached"
    assert daemon.processes() == []
    assert daemon.files() == []


def test_a_delegate_that_the_program_lacks_is_an_error(daemon: AdbDaemon, tmp_path: Path, model: Path) -> None:
    binary = install_benchmark_model(tmp_path / "lacking", lacks=["use_gpu"])
    (measurement,) = _measure(_device(daemon, binary, delegate="gpu"), model)
    assert measurement.error is not None
    assert measurement.error.startswith("Expected benchmark_model to know --use_gpu. Received: ")


def test_slow_answers_are_waited_for(daemon: AdbDaemon) -> None:
    daemon.faults.delay_seconds = 0.5
    assert Adb(daemon.serial).shell("echo", "late").stdout == "late\n"


def test_a_phone_that_never_answers_is_given_up(daemon: AdbDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adb_program, "ANSWER_S", 2.0)
    daemon.faults.hang_command = "echo"
    with pytest.raises(PhoneLostError, match=r"to stay connected. Received: no answer from adb .* within 2 s"):
        Adb(daemon.serial).shell("echo")


def test_a_hot_phone_is_left_to_cool_down(
    daemon: AdbDaemon, binary: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(phone_condition, "_COOL_DOWN_S", 1.0)
    monkeypatch.setattr(phone_condition, "_SECONDS_BETWEEN_LOOKS", 0.2)
    daemon.health.thermal_status = 3
    (measurement,) = _measure(_device(daemon, binary), model)
    assert "is hot (thermal status 3); waiting for it to cool down" in capsys.readouterr().err
    assert measurement.device["after"]["thermal_status"] == 3
    assert measurement.doubt == "the phone was hot in 6 of 6 rounds"  # repeated twice, and marked


def test_operators_are_measured_in_a_call_of_their_own(daemon: AdbDaemon, binary: Path, model: Path) -> None:
    (measurement,) = _measure(
        _device(daemon, binary), model, settings=dataclasses.replace(SETTINGS, profile_operators=True)
    )
    (row,) = measurement.operators or []
    assert row["kind"] == "TfLiteXNNPackDelegate"
    assert row["mean_ms"] >= 0
    assert measurement.num_runs % 10 == 0  # those of the profile do not count


def test_a_build_without_a_profile_keeps_the_latency(
    daemon: AdbDaemon, tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    binary = install_benchmark_model(tmp_path / "other", lacks=["enable_op_profiling"])
    settings = dataclasses.replace(SETTINGS, profile_operators=True)
    (measurement,) = _measure(_device(daemon, binary), model, settings=settings)
    assert measurement.latency_ms is not None
    assert measurement.operators is None
    assert (
        "no operator profile of m0: Expected benchmark_model to know --enable_op_profiling" in capsys.readouterr().err
    )


@pytest.mark.long
def test_a_time_limit_keeps_the_rounds_that_were_done(daemon: AdbDaemon, binary: Path, model: Path) -> None:
    def hang(done: int, total: int) -> None:
        daemon.faults.hang_command = "graph="

    settings = dataclasses.replace(SETTINGS, time_limit_s=12)
    models = [BenchmarkModel("m", model, (1, 1, 1, 8))]
    (measurement,) = _device(daemon, binary).measure(models, settings, hang)
    assert measurement.latency_ms is not None
    assert measurement.doubt == "the time limit of 12 s was reached in round 2"


def test_ctrl_c_leaves_nothing_on_the_phone(daemon: AdbDaemon, tmp_path: Path, model: Path) -> None:
    binary = tmp_path / "sleeper"
    binary.write_text("#!/bin/sh\nexec sleep 1000\n")
    arguments = [f"--model={model}", f"--device=adb:{daemon.serial}", f"--benchmark_binary={binary}"]
    with _benchmark(*arguments) as process:
        _wait_until(lambda: any("--graph=" in command for command in daemon.commands) and daemon.processes() != [])
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in errors
    assert daemon.processes() == []
    assert daemon.files() == []


def test_several_phones_are_measured_in_one_call(
    server: AdbServer, daemon: AdbDaemon, binary: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    with AdbDaemon(tmp_path / "second", {"ro.product.model": "Stand In 2"}) as second:
        server.run("connect", second.serial)
        devices = f"--device=adb:{daemon.serial},adb:absent,adb:{second.serial}"
        arguments = [devices, f"--model={model}", f"--benchmark_binary={binary}", "--rounds=2", "--wait_minutes=0"]
        with _benchmark(*arguments, f"--output={tmp_path / 'results'}") as process:
            _, errors = process.communicate(timeout=120)
        server.run("disconnect", second.serial)
    assert process.returncode == 1
    assert "Expected the phone absent to be ready. Received: it is absent." in errors  # the others were measured
    found = [load_benchmark(path)[0] for path in sorted((tmp_path / "results").iterdir())]
    assert {measurement.device["model"] for measurement in found} == {"Stand In 1", "Stand In 2"}


def test_a_phone_that_is_lost_is_not_waited_for_again_to_clean_it(
    daemon: AdbDaemon, binary: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.faults.cut_command, daemon.faults.gone_seconds = "graph=", 1000
    with pytest.raises(PhoneLostError):
        _measure(_device(daemon, binary, wait_s=1), model)
    assert capsys.readouterr().err.count("waiting for it") == 1


@pytest.mark.long
def test_a_command_has_all_its_time_again_after_a_phone_was_gone(daemon: AdbDaemon) -> None:
    daemon.faults.cut_command, daemon.faults.gone_seconds, daemon.faults.times = "sleep", 4, 1
    adb = Adb(daemon.serial, wait_s=60)
    assert adb.run_script("sleep 1.5; echo late", timeout_s=4).stdout == "late\n"
    assert adb.waited_s > 2


def test_an_adb_server_that_is_restarted_is_waited_for(daemon: AdbDaemon, tmp_path: Path) -> None:
    program = tmp_path / "adb"
    refuse, again = "echo 'error: cannot connect to daemon' >&2; exit 1", tmp_path / "again"
    program.write_text(f'#!/bin/sh\n[ -e {again} ] || {{ touch {again}; {refuse}; }}\nexec adb "$@"\n')
    program.chmod(0o755)
    Adb(daemon.serial, wait_s=60, program=str(program)).wait()
    assert again.exists()


def test_a_phone_that_is_lost_while_it_repeats_keeps_what_was_measured(
    daemon: AdbDaemon, binary: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(phone_condition, "_COOL_DOWN_S", 0.0)
    daemon.health.thermal_status = 3

    def lose_the_phone(done: int, total: int) -> None:
        if done == 2:  # all rounds are done, and all were hot
            daemon.faults.cut_command, daemon.faults.gone_seconds = "graph=", 1000

    models = [BenchmarkModel("m", model, (1, 1, 1, 8))]
    (measurement,) = _device(daemon, binary).measure(models, SETTINGS, lose_the_phone)
    assert measurement.latency_ms is not None
    assert measurement.doubt == "the phone was hot in 2 of 2 rounds"
    assert "was lost after all had been measured: Expected" in capsys.readouterr().err


def test_few_cool_rounds_are_doubtful(
    daemon: AdbDaemon, binary: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_condition, "_COOL_DOWN_S", 0.0)

    def heat(done: int, total: int) -> None:
        daemon.health.thermal_status = 3

    models = [BenchmarkModel("m", model, (1, 1, 1, 8))]
    (measurement,) = _device(daemon, binary).measure(models, SETTINGS, heat)
    assert measurement.doubt == "the phone was hot in 5 of 6 rounds"


@pytest.mark.parametrize(("delegate", "is_right"), [("LITERT_CL", True), ("TfLiteXNNPackDelegate", False)])
def test_the_delegate_is_known_by_its_name(
    daemon: AdbDaemon, tmp_path: Path, model: Path, delegate: str, is_right: bool
) -> None:
    lines = [
        f"Replacing 5 out of 5 node(s) with delegate ({delegate}) node, yielding 1 partitions for x.",
        *["count=9 first=600 curr=500 min=500 max=600 avg=540 std=50 p5=500 median=500 p95=600"] * 2,
        "Inference timings in us: Init: 1, First inference: 6, Warmup (avg): 540, Inference (avg): 540",
    ]
    binary = tmp_path / "other"
    binary.write_text("#!/bin/sh\nprintf '%s\\n' " + " ".join(f"'{line}'" for line in lines) + "\n")
    (measurement,) = _measure(_device(daemon, binary, delegate="gpu"), model)
    if is_right:
        assert (measurement.latency_ms, measurement.error) == (0.5, None)
    else:
        assert measurement.error == (
            "Expected the gpu delegate to run the model. Received: the delegates TfLiteXNNPackDelegate."
        )


def test_an_adb_server_that_hangs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adb_program, "ANSWER_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(silent.getsockname()[1]))
        with pytest.raises(PhoneLostError, match=r"no answer from adb devices within 1 s. Try: adb kill-server"):
            list_phones()


def test_what_a_phone_refuses_is_not_tried_again(daemon: AdbDaemon, model: Path) -> None:
    with pytest.raises(
        InputError, match=r"to take .*model.tflite as /system/m. Received: .*Permission denied"
    ) as caught:
        Adb(daemon.serial).push(model, "/system/m")
    assert not isinstance(caught.value, PhoneLostError)


def test_whole_microseconds_are_too_coarse_for_short_runs(daemon: AdbDaemon, tmp_path: Path, model: Path) -> None:
    statistics = "count=9 first=6 curr=5 min=5 max=6 avg=5.4 std=0.5 p5=5 median=5 p95=6"
    summary = "Inference timings in us: Init: 1, First inference: 6, Warmup (avg): 5.4, Inference (avg): 5.4"
    binary = tmp_path / "short"
    binary.write_text(f"#!/bin/sh\nprintf '%s\\n' '{statistics}' '{statistics}' '{summary}'\n")
    (measurement,) = _measure(_device(daemon, binary), model)
    assert measurement.latency_ms == pytest.approx(0.0054)
    assert (measurement.latency_p5_ms, measurement.latency_p95_ms) == (0.005, 0.006)


def test_memory_is_measured_in_a_call_of_its_own(daemon: AdbDaemon, binary: Path, model: Path) -> None:
    settings = dataclasses.replace(SETTINGS, measure_peak_ram=True)
    (measurement,) = _measure(_device(daemon, binary), model, settings=settings)
    assert measurement.peak_ram_bytes is not None
    assert measurement.peak_ram_bytes > 0
    watched = [command for command in daemon.commands if "--report_peak_memory_footprint" in command]
    assert len(watched) == 1
    assert measurement.num_runs % 10 == 0  # its runs do not count


def test_what_adb_itself_prints_for_a_cut_shell_is_success(server: AdbServer, daemon: AdbDaemon) -> None:
    """Why the end of a command is marked."""
    daemon.faults.cut_command, daemon.faults.times = "echo", 1
    completed: subprocess.CompletedProcess[str] = server.run("-s", daemon.serial, "shell", "echo whole")
    assert completed.returncode == 0
    assert "whole" not in completed.stdout
