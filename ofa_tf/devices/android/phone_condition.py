"""Heat, battery and clock of a phone, on which latencies depend."""

import re
import time
from typing import Any

from ofa_tf.base.progress import announce
from ofa_tf.devices.android.adb import Adb, ShellResult

_MAX_THERMAL_STATUS = 1  # Android's "light": higher ones slow the processor down
_SECONDS_BETWEEN_LOOKS = 5.0
_COOL_DOWN_S = 120.0  # that a hot phone is waited for before each call
_PRINT_CLOCKS = "for f in /sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq; do echo $f $(cat $f); done"


def read_condition(adb: Adb) -> dict[str, Any]:
    """The condition of a phone, as far as it tells.

    Returns:
        `thermal_status` (Android's, from 0, none, to 6, shutdown),
        `battery_celsius`, `battery_percent` and `cpu_mhz` (of each core, by its
        number); `None` for what is not known.

    Raises:
        InputError: If the phone is not reached.
    """
    thermal_status = _thermal_status(adb)
    battery = adb.shell("dumpsys", "battery")
    celsius = None
    decicelsius = _search_number(r"temperature: (-?\d+)", battery)
    if decicelsius is not None:
        celsius = decicelsius / 10
    return {
        "thermal_status": thermal_status,
        "battery_celsius": celsius,
        "battery_percent": _search_number(r"level: (\d+)", battery),
        "cpu_mhz": _clocks_mhz(adb) or None,
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
    end = time.monotonic() + min(limit_s, _COOL_DOWN_S)
    is_announced = False
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
    result = adb.shell("dumpsys", "thermalservice")
    return _search_number(r"Thermal Status: (\d+)", result)


def _clocks_mhz(adb: Adb) -> dict[str, float]:
    """The clock of each core that tells it, by the core's number."""
    text = adb.run_script(_PRINT_CLOCKS).stdout
    clocks_mhz = {}
    for core, kilohertz in re.findall(r"/cpu(\d+)/cpufreq/scaling_cur_freq (\d+)", text):
        clocks_mhz[core] = int(kilohertz) / 1000
    return clocks_mhz


def _search_number(pattern: str, result: ShellResult) -> int | None:
    if result.status != 0:
        return None
    match = re.search(pattern, result.stdout)
    return int(match.group(1)) if match else None
