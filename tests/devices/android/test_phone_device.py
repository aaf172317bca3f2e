"""A phone is measured through the real adb, whatever goes wrong on the way; nothing stays on it."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android import phone_condition
from ofa_tf.devices.android.adb import Adb
from ofa_tf.devices.android.adb_program import PhoneLostError
from ofa_tf.devices.android.connected_phones import list_phones
from ofa_tf.devices.device import Progress
from ofa_tf.latency import table_builder
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.latency.piece_models import make_piece_models
from ofa_tf.latency.pieces import Piece
from ofa_tf.latency.table_builder import build_latency_table
from tests.support.adb_daemon import AdbDaemon
from tests.support.adb_phone import SETTINGS, USES_ADB, measure, phone_device
from tests.support.adb_server import AdbServer
from tests.support.spaces import MICRO

pytestmark = USES_ADB


def test_a_model_is_measured_and_nothing_stays(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
) -> None:
    (measurement,) = measure(phone_device(daemon, binary), model)
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


def test_rounds_are_interleaved_and_files_pushed_once(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
) -> None:
    other = model.with_name("other.tflite")
    other.write_bytes(model.read_bytes() + bytes(16))
    measure(phone_device(daemon, binary), model, other)
    graphs = [command.split("--graph=")[1].split()[0] for command in daemon.commands if "--graph=" in command]
    assert graphs[:4] == [graphs[0], graphs[1]] * 2
    assert graphs[0] != graphs[1]
    assert sorted(daemon.pushes) == sorted([graphs[0].rpartition("/")[0] + "/benchmark_model", *graphs[:2]])


@pytest.mark.parametrize("name", ["with blank", 'it\'s "so"', "a;touch b", "$(touch b)", "Größe €", "-rf"])
def test_any_file_name_is_pushed_and_run(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
    name: str,
) -> None:
    odd = model.with_name(f"{name}.tflite")
    model.rename(odd)
    (measurement,) = measure(phone_device(daemon, binary), odd)
    assert measurement.error is None
    assert daemon.files() == []
    adb = Adb(daemon.serial)
    assert adb.shell("printf", "%s", name).stdout == name
    assert adb.shell("mkdir", "--", f"/data/local/tmp/{name}").status == 0
    assert daemon.files() == [name]
    adb.shell("rmdir", "--", f"/data/local/tmp/{name}")


def test_a_phone_without_the_new_shell_is_measured(
    server: AdbServer,
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
) -> None:
    server.run("disconnect", daemon.serial)
    daemon.faults.without_shell_v2 = True
    server.run("connect", daemon.serial)
    assert Adb(daemon.serial).shell("false").status == 1
    (measurement,) = measure(phone_device(daemon, binary), model)
    assert measurement.error is None


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("unauthorized", "it is unauthorized. Unlock the phone and confirm"),
        ("offline", "it is (offline. Unplug the phone and plug it in|absent. Plug the phone in)"),
    ],
)
def test_a_phone_that_is_not_ready_says_what_to_do(
    server: AdbServer,
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
    fault: str,
    message: str,
) -> None:
    server.run("disconnect", daemon.serial)
    setattr(daemon.faults, fault, True)
    server.run("connect", daemon.serial)
    with pytest.raises(PhoneLostError, match=f"to be ready. Received: {message}"):
        measure(phone_device(daemon, binary), model)


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
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
    fault: dict[str, Any],
) -> None:
    for name, value in {**fault, "times": 1}.items():
        setattr(daemon.faults, name, value)
    (measurement,) = measure(phone_device(daemon, binary, wait_s=20), model)
    assert measurement.error is None
    assert daemon.faults.times == 0
    assert daemon.files() == []


def test_a_phone_that_is_unplugged_is_waited_for(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    daemon.faults.cut_command, daemon.faults.gone_seconds, daemon.faults.times = "graph=", 2, 1
    (measurement,) = measure(phone_device(daemon, binary, wait_s=30), model)
    assert measurement.error is None
    assert "waiting for it up to 0.5 minutes" in capsys.readouterr().err


def test_a_table_whose_phone_is_lost_is_continued(
    daemon: AdbDaemon,
    server: AdbServer,
    binary: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table_builder, "_BATCH_SIZE", 8)
    monkeypatch.setattr(table_builder, "_NUM_ANCHORS", 2)
    device, unfinished_path = phone_device(daemon, binary), tmp_path / "table.part.json"
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
    daemon: AdbDaemon,
    server: AdbServer,
    binary: Path,
    model: Path,
) -> None:
    device = phone_device(daemon, binary, wait_s=30)
    measure(device, model)
    daemon.disconnect(seconds=1)
    server.run("disconnect", daemon.serial)
    assert measure(device, model)[0].error is None


def test_a_phone_that_stays_away_ends_the_measurement(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
) -> None:
    daemon.faults.cut_command, daemon.faults.gone_seconds = "graph=", 1000
    with pytest.raises(PhoneLostError, match=r"Expected the phone .* to be ready"):
        measure(phone_device(daemon, binary, wait_s=1), model)


def test_a_connection_that_fails_every_time_is_an_error(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
) -> None:
    daemon.faults.corrupt_push = True
    with pytest.raises(
        PhoneLostError, match=r"to stay connected. Received: .*benchmark_model arrived damaged \(3 attempts\)"
    ):
        measure(phone_device(daemon, binary), model)
    assert daemon.files() == []


def test_a_full_phone_is_named(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
) -> None:
    daemon.faults.full_disk_after = 0
    with pytest.raises(InputError, match=r"to have room for .*benchmark_model.*no space left on device"):
        measure(phone_device(daemon, binary), model)
    assert daemon.files() == []


def test_a_phone_that_is_lost_is_not_waited_for_again_to_clean_it(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    daemon.faults.cut_command, daemon.faults.gone_seconds = "graph=", 1000
    with pytest.raises(PhoneLostError):
        measure(phone_device(daemon, binary, wait_s=1), model)
    assert capsys.readouterr().err.count("waiting for it") == 1


def test_a_phone_that_is_lost_while_it_repeats_keeps_what_was_measured(
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(phone_condition, "_COOL_DOWN_S", 0.0)
    daemon.health.thermal_status = 3

    def lose_the_phone(done: int, total: int) -> None:
        if done == 2:  # all rounds are done, and all were hot
            daemon.faults.cut_command, daemon.faults.gone_seconds = "graph=", 1000

    (measurement,) = measure(phone_device(daemon, binary), model, on_progress=lose_the_phone)
    assert measurement.latency_ms is not None
    assert measurement.doubt == "the phone was hot in 2 of 2 rounds"
    assert "was lost after all had been measured: Expected" in capsys.readouterr().err
