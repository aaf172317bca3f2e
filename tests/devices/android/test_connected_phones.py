"""Which phones there are, and which one is meant; who has none is told what to do."""

import socket
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android import adb_program
from ofa_tf.devices.android.adb_program import PhoneLostError
from ofa_tf.devices.android.connected_phones import choose_phone, list_phones
from tests.support.adb_daemon import AdbDaemon
from tests.support.adb_phone import USES_ADB
from tests.support.adb_server import AdbServer

pytestmark = USES_ADB


def test_without_a_phone_the_user_is_told_to_plug_one_in() -> None:
    with pytest.raises(InputError, match=r"Expected a phone. Received: none that adb sees. Plug the phone in"):
        choose_phone()
    with pytest.raises(InputError, match=r"Expected the phone 0123 to be ready. Received: it is absent"):
        choose_phone("0123")


def test_without_adb_the_user_is_told_to_install_it() -> None:
    with pytest.raises(InputError, match=r"Expected the program 'no_adb'. Received: not found. Install"):
        list_phones("no_adb")


def test_of_two_phones_one_must_be_named(
    server: AdbServer,
    daemon: AdbDaemon,
    tmp_path: Path,
) -> None:
    (tmp_path / "second").mkdir()
    with AdbDaemon(tmp_path / "second") as second:
        server.run("connect", second.serial)
        with pytest.raises(InputError, match=r"or --device=adb:SERIAL. Received: 2 phones: "):
            choose_phone()
        assert choose_phone(second.serial) == second.serial
        server.run("disconnect", second.serial)
    assert choose_phone() == daemon.serial


def test_an_adb_server_that_hangs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adb_program, "ANSWER_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(silent.getsockname()[1]))
        with pytest.raises(PhoneLostError, match=r"no answer from adb devices within 1 s. Try: adb kill-server"):
            list_phones()
