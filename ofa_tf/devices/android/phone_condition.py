"""Heat, battery and clock of a phone, on which latencies depend."""

import re
import time
from typing import Any

from ofa_tf.base.progress import announce
from ofa_tf.devices.android.adb import Adb, ShellResult

_MAX_THERMAL_STATUS = 1  # Android's "light": higher ones slow the processor down
_SECONDS_BETWEEN_LOOKS = 5.0
_COOL_DOWN_S = 120.0  # that a hot phone is waited for before each call
_CLOCKS = "for f in /sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq; do echo $f $(cat $f); done"


def read_condition(adb: Adb) -> dict[str, Any]:
    """The condition of a phone, as far as it tells.

    Returns:
        `thermal_status` (Android's, from 0, none, to 6, shutdown),
        `battery_celsius`, `battery_percent` and `cpu_mhz` (of each core, by its
        number); `None` for what is not known.

    Raises:
        InputError: If the phone is not reached.
    """
    thermal = _thermal_status(adb)
    battery = adb.shell("dumpsys", "battery")
    temperature, level = _search(r"temperature: (-?\d+)", battery), _search(r"level: (\d+)", battery)
    frequencies = re.findall(r"/cpu(\d+)/cpufreq/scaling_cur_freq (\d+)", adb.run_script(_CLOCKS).stdout)
    return {
        "thermal_status": thermal,
        "battery_celsius": None if temperature is None else temperature / 10,
        "battery_percent": level,
        "cpu_mhz": {core: int(kilohertz) / 1000 for core, kilohertz in frequencies} or None,
    }


def cool_down(adb: Adb, limit_s: float) -> bool:
    """Wait while a phone slows itself down for its heat.

    Args:
        adb: The phone.
        limit_s: How long to wait at most, seconds; two minutes, if that is less.

    Returns:
        Whether it is cool, or does not tell.

    Raises:
        InputError: If the phone is not reached.
    """
    end, is_announced = time.monotonic() + min(limit_s, _COOL_DOWN_S), False
    while True:
        status = _thermal_status(adb)
        if status is None or status <= _MAX_THERMAL_STATUS:
            return True
        if time.monotonic() >= end:
            return False
        if not is_announced:
            announce(f"{adb.serial} is hot (thermal status {status}); waiting for it to cool down")
            is_announced = True
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _thermal_status(adb: Adb) -> int | None:
    return _search(r"Thermal Status: (\d+)", adb.shell("dumpsys", "thermalservice"))


def _search(pattern: str, result: ShellResult) -> int | None:
    match = re.search(pattern, result.stdout) if result.status == 0 else None
    return int(match.group(1)) if match else None
