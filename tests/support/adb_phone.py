"""What the tests of phones share: how they measure on an `AdbDaemon`."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ofa_tf.devices.android.phone_device import PhoneDevice
from ofa_tf.devices.android.phone_settings import PhoneSettings
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Measurement, Progress
from tests.support.adb_daemon import AdbDaemon

# The marks of a module whose tests call adb; see `conftest.py` of the tests of phones.
USES_ADB = [
    pytest.mark.skipif(shutil.which("adb") is None, reason="adb is not installed"),
    pytest.mark.usefixtures("quick_adb"),
]

SETTINGS = BenchmarkSettings(
    warmup_runs=1,
    num_runs=5,
    rounds=2,
    min_time_s=0,
    time_limit_s=60,
    measure_peak_ram=False,
)

_INPUT_SHAPE = (1, 1, 1, 8)


def phone_device(
    daemon: AdbDaemon,
    binary: Path,
    **settings: Any,
) -> PhoneDevice:
    """The phone as the library sees it; its rounds are as short as they can be."""
    return PhoneDevice(daemon.serial, PhoneSettings(binary, min_run_s=0, **settings))


def measure(
    device: PhoneDevice,
    *models: Path | bytes,
    settings: BenchmarkSettings = SETTINGS,
    on_progress: Progress | None = None,
) -> list[Measurement]:
    """Measure models, called m0, m1, ..."""
    named = [BenchmarkModel(f"m{index}", content, _INPUT_SHAPE) for index, content in enumerate(models)]
    return device.measure(named, settings, on_progress)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for up to a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it took longer than 60 s"
        time.sleep(0.05)
