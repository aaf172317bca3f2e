"""A stand-in for a phone, reached through the real adb with a server of the tests' own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ofa_tf.devices.android import adb
from tests.support.adb_daemon import AdbDaemon
from tests.support.adb_phone import wait_until
from tests.support.adb_server import AdbServer
from tests.support.benchmark_model import install_benchmark_model


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdbServer]:
    with AdbServer(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def quick_adb(monkeypatch: pytest.MonkeyPatch, server: AdbServer) -> None:
    """Makes the library use that server, without long pauses."""
    for name in ("ANDROID_ADB_SERVER_PORT", "HOME", "TMPDIR"):
        monkeypatch.setenv(name, server.environment[name])
    monkeypatch.setattr(adb, "_PAUSE_S", 0.05)
    monkeypatch.setattr(adb, "_SECONDS_BETWEEN_LOOKS", 0.2)


@pytest.fixture
def daemon(server: AdbServer, tmp_path: Path) -> Iterator[AdbDaemon]:
    """A connected phone, on which nothing is left in the end."""
    folder = tmp_path / "phone"
    folder.mkdir()
    with AdbDaemon(folder) as daemon:
        server.run("connect", daemon.serial)
        yield daemon
        server.run("disconnect", daemon.serial)
        wait_until(lambda: daemon.processes() == [])  # which are ending, and need a moment on a busy machine


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    return install_benchmark_model(tmp_path / "benchmark_model")


@pytest.fixture
def model(tmp_path: Path, small_model: bytes) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(small_model)
    return path
