"""Commands and files reach a phone through the real adb, whatever happens to the connection."""

import subprocess
import threading
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android import adb_program
from ofa_tf.devices.android.adb import Adb
from ofa_tf.devices.android.adb_program import PhoneLostError
from ofa_tf.devices.android.connected_phones import list_phones
from tests.support.adb_daemon import AdbDaemon
from tests.support.adb_phone import USES_ADB, wait_until
from tests.support.adb_server import AdbServer

pytestmark = USES_ADB


def test_exit_statuses_and_errors_of_commands_arrive(daemon: AdbDaemon) -> None:
    result = Adb(daemon.serial).run_script("echo out; echo err >&2; exit_with() { return 3; }; exit_with")
    assert (result.status, result.stdout, result.stderr) == (3, "out\n", "err\n")


def test_what_adb_itself_prints_for_a_cut_shell_is_success(
    server: AdbServer,
    daemon: AdbDaemon,
) -> None:
    """Why the end of a command is marked."""
    daemon.faults.cut_command, daemon.faults.times = "echo", 1
    completed: subprocess.CompletedProcess[str] = server.run("-s", daemon.serial, "shell", "echo whole")
    assert completed.returncode == 0
    assert "whole" not in completed.stdout


def test_slow_answers_are_waited_for(daemon: AdbDaemon) -> None:
    daemon.faults.delay_seconds = 0.5
    assert Adb(daemon.serial).shell("echo", "late").stdout == "late\n"


def test_a_phone_that_never_answers_is_given_up(
    daemon: AdbDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adb_program, "ANSWER_S", 2.0)
    daemon.faults.hang_command = "echo"
    with pytest.raises(PhoneLostError, match=r"to stay connected. Received: no answer from adb .* within 2 s"):
        Adb(daemon.serial).shell("echo")


def test_what_a_phone_refuses_is_not_tried_again(daemon: AdbDaemon, model: Path) -> None:
    with pytest.raises(
        InputError, match=r"to take .*model.tflite as /system/m. Received: .*Permission denied"
    ) as caught:
        Adb(daemon.serial).push(model, "/system/m")
    assert not isinstance(caught.value, PhoneLostError)


def test_a_phone_that_is_offline_is_connected_anew(daemon: AdbDaemon) -> None:
    daemon.faults.offline = True
    daemon.disconnect()
    wait_until(lambda: list_phones().get(daemon.serial) == "offline")
    recovery = threading.Timer(1, lambda: setattr(daemon.faults, "offline", False))
    recovery.start()
    assert Adb(daemon.serial, wait_s=30).shell("echo", "back").stdout == "back\n"
    recovery.join()


def test_an_adb_server_that_is_restarted_is_waited_for(
    daemon: AdbDaemon,
    tmp_path: Path,
) -> None:
    program = tmp_path / "adb"
    refuse, again = "echo 'error: cannot connect to daemon' >&2; exit 1", tmp_path / "again"
    program.write_text(f'#!/bin/sh\n[ -e {again} ] || {{ touch {again}; {refuse}; }}\nexec adb "$@"\n')
    program.chmod(0o755)
    Adb(daemon.serial, wait_s=60, program=str(program)).wait()
    assert again.exists()


@pytest.mark.long
def test_a_command_has_all_its_time_again_after_a_phone_was_gone(daemon: AdbDaemon) -> None:
    daemon.faults.cut_command, daemon.faults.gone_seconds, daemon.faults.times = "sleep", 4, 1
    adb = Adb(daemon.serial, wait_s=60)
    assert adb.run_script("sleep 1.5; echo late", timeout_s=4).stdout == "late\n"
    assert adb.waited_s > 2
