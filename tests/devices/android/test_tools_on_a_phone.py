"""tools/benchmark.py measures on phones, and leaves nothing there."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import pytest

from ofa_tf.devices.benchmark_results import load_benchmark
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from tests.support.adb_daemon import AdbDaemon
from tests.support.adb_phone import USES_ADB, wait_until
from tests.support.adb_server import AdbServer
from tests.support.benchmark_model import install_benchmark_model
from tests.support.repository import ROOT
from tests.support.spaces import MICRO

pytestmark = USES_ADB


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


def test_ctrl_c_leaves_nothing_on_the_phone(
    daemon: AdbDaemon,
    tmp_path: Path,
    model: Path,
) -> None:
    binary = tmp_path / "sleeper"
    binary.write_text("#!/bin/sh\nexec sleep 1000\n")
    arguments = [f"--model={model}", f"--device=adb:{daemon.serial}", f"--benchmark_binary={binary}"]
    with _benchmark(*arguments) as process:
        wait_until(lambda: any("--graph=" in command for command in daemon.commands) and daemon.processes() != [])
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in errors
    assert daemon.processes() == []
    assert daemon.files() == []


def test_several_phones_are_measured_in_one_call(
    server: AdbServer,
    daemon: AdbDaemon,
    binary: Path,
    model: Path,
    tmp_path: Path,
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


@pytest.fixture(scope="module")
def small_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("network") / "model.tflite"
    path.write_bytes(to_tflite(build_subnet(MICRO, MICRO.largest(), 10)))
    return path


def test_what_a_phone_computes_is_checked(daemon: AdbDaemon, binary: Path, small_network: Path, tmp_path: Path) -> None:
    output = tmp_path / "benchmark.json"
    options = [f"--model={small_network}", f"--device=adb:{daemon.serial}", "--check", "--rounds=1", "--num_runs=2"]
    with _benchmark(*options, f"--benchmark_binary={binary}", f"--output={output}") as process:
        printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "outputs differ from this computer's by" in printed
    (measurement,) = load_benchmark(output)
    assert measurement.output_error is not None
    assert measurement.output_error < 1e-4

    broken = install_benchmark_model(tmp_path / "broken", spoils=True)
    with _benchmark(*options, f"--benchmark_binary={broken}") as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert errors.splitlines()[-1].startswith("error: Expected all models to run. Received: ")
    assert "outputs differ from this computer's by" in errors.splitlines()[-1]
