"""What is behind the stand-in for a phone: its files, programs, processes and state.

Commands run for real, with the host's `/bin/sh`, in a sandbox: every mention of `/data/local/tmp`
in a command is replaced by a folder below the sandbox, and pushes and pulls go there, too. What a
command prints is left alone, so its messages name the folder of the sandbox. `getprop` and
`dumpsys` are small scripts that stand first on PATH; all other programs are the host's. It needs
Linux (`/proc`).
"""

import contextlib
import os
import posixpath
import re
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

DEVICE_FOLDER = "/data/local/tmp"
PROPERTIES = {
    "ro.product.name": "stand_in",
    "ro.product.model": "Stand In 1",
    "ro.product.device": "stand_in",
    "ro.product.manufacturer": "Nobody",
    "ro.product.cpu.abi": "x86_64",
    "ro.product.cpu.abilist": "x86_64,x86",
    "ro.build.fingerprint": "nobody/stand_in/stand_in:14/TEST.1/1:user/release-keys",
    "ro.build.version.release": "14",
    "ro.build.version.sdk": "34",
    "ro.hardware": "stand_in",
    "ro.serialno": "STANDIN1",
}

_GETPROP = """#!/bin/sh
if [ $# = 0 ]; then printf '%s\\n' "$DEVICE_PROPERTIES"
else printf '%s\\n' "$DEVICE_PROPERTIES" | sed -n "s/^\\[$1\\]: \\[\\(.*\\)\\]\\$/\\1/p"; fi
"""
_DUMPSYS = """#!/bin/sh
case "$1" in
battery) printf '%s\\n' "$DEVICE_BATTERY" ;;
thermalservice) printf '%s\\n' "$DEVICE_THERMAL" ;;
*) echo "Can't find service: $1" ;;
esac
"""
_BATTERY = """Current Battery Service state:
  AC powered: false
  USB powered: {plugged}
  Wireless powered: false
  Max charging current: 500000
  Max charging voltage: 5000000
  Charge counter: 2390000
  status: {status}
  health: 2
  present: true
  level: {level}
  scale: 100
  voltage: 4123
  temperature: {tenths}
  technology: Li-ion"""
_THERMAL = """IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 1
\tkilled: false
\tbroadcasts count: -1
ThermalStatusListeners:
\tcallbacks: 1
\tkilled: false
\tbroadcasts count: -1
Thermal Status: {status}
Cached temperatures:
\tTemperature{{mValue={skin}, mType=3, mName=skin, mStatus={status}}}
\tTemperature{{mValue={battery}, mType=2, mName=battery, mStatus=0}}
HAL Ready: true
HAL connection:
\tThermalHAL 2.0 connected: yes
Current temperatures from HAL:
\tTemperature{{mValue={skin}, mType=3, mName=skin, mStatus={status}}}
\tTemperature{{mValue={battery}, mType=2, mName=battery, mStatus=0}}
Current cooling devices from HAL:
\tCoolingDevice{{mValue=0, mType=2, mName=cpufreq-cpu0}}"""


@dataclass
class Health:
    """What `dumpsys battery` and `dumpsys thermalservice` tell; temperatures in degrees Celsius."""

    battery_level: int = 85
    battery_temperature: float = 25.0
    plugged: bool = True
    skin_temperature: float = 30.5
    thermal_status: int = 0

    def environment(self) -> dict[str, str]:
        """The variables that the scripts print."""
        battery = _BATTERY.format(
            plugged=str(self.plugged).lower(),
            status=2 if self.plugged else 3,
            level=self.battery_level,
            tenths=round(10 * self.battery_temperature),
        )
        thermal = _THERMAL.format(
            status=self.thermal_status, skin=self.skin_temperature, battery=self.battery_temperature
        )
        return {"DEVICE_BATTERY": battery, "DEVICE_THERMAL": thermal}


class Phone:
    """A sandbox for commands.

    Args:
        folder: An empty folder; no blanks or quotes in its path.
        properties: What `getprop` tells besides, or instead of, `PROPERTIES`.

    Attributes:
        storage: What is `/data/local/tmp` on the phone.
        properties: What `getprop` tells; may be changed.
        health: What `dumpsys` tells; may be changed.

    Raises:
        ValueError: If the folder's path would need quoting in a shell.
    """

    def __init__(self, folder: Path, properties: dict[str, str] | None = None) -> None:
        folder = folder.absolute()
        if not re.fullmatch(r"[\w./+-]+", str(folder), re.ASCII):
            raise ValueError(f"Expected a path without blanks and special characters. Received: {folder}.")
        self.properties = {**PROPERTIES, **(properties or {})}
        self.health = Health()
        self.storage = folder / "device" / DEVICE_FOLDER[1:]
        self._root, self._programs = folder / "device", folder / "programs"
        self._token = uuid.uuid4().hex  # marks what a command started, however it forked
        self._children: list[subprocess.Popen[bytes]] = []
        self.storage.mkdir(parents=True)
        self._programs.mkdir()
        for name, text in (("getprop", _GETPROP), ("dumpsys", _DUMPSYS)):
            (self._programs / name).write_text(text)
            (self._programs / name).chmod(0o755)

    def start(self, command: str, merged: bool) -> "subprocess.Popen[bytes]":
        """Start a command, with standard error apart from or merged with standard output."""
        for child in self._children:
            child.poll()  # so that the ended ones are no zombies
        environment = {
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "HOME": str(self._root),
            "TMPDIR": str(self.storage),
            "DEVICE_TOKEN": self._token,
            "DEVICE_PROPERTIES": "\n".join(f"[{key}]: [{value}]" for key, value in sorted(self.properties.items())),
            **self.health.environment(),
        }
        child = subprocess.Popen(
            # SIGHUP, which hanging up sends, is ignored in what `nohup` started, and a shell cannot change that.
            ["env", "--default-signal=HUP", "/bin/sh", "-c", command.replace(DEVICE_FOLDER, str(self.storage))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            cwd=self._root,
            env=environment,
            start_new_session=True,
        )
        self._children.append(child)
        return child

    def host_path(self, path: bytes) -> Path:
        """Where a file of the phone is in the sandbox."""
        return self._root / posixpath.normpath("/" + os.fsdecode(path)).lstrip("/")

    def files(self) -> list[str]:
        """Files and folders in `/data/local/tmp`, relative to it, sorted."""
        return sorted(path.relative_to(self.storage).as_posix() for path in self.storage.rglob("*"))

    def processes(self) -> list[int]:
        """Processes alive that commands started, also those that outlived their command."""
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and self._is_ours(name)]

    def _is_ours(self, pid: str) -> bool:
        with contextlib.suppress(OSError):
            variables = Path("/proc", pid, "environ").read_bytes().split(b"\0")
            return f"DEVICE_TOKEN={self._token}".encode() in variables
        return False

    def kill_all(self) -> None:
        """Kill all processes and wait for their end."""
        while left := self.processes():
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)
        for child in self._children:
            child.wait()


def kill_program(process: "subprocess.Popen[bytes]", pattern: str) -> bool:
    """Kill the program that a command's shell has started, or the shell itself if it became the program (`exec`).

    Args:
        process: The shell.
        pattern: Regular expression of the program's command line; shells that it may be started by are left alone.

    Returns:
        Whether there was one.
    """
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for pid in [int(child) for child in children] or [process.pid]:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            is_shell = Path(words[0]).name in ("sh", "env")
            if not is_shell and re.search(pattern, " ".join(words)) and process.poll() is None:
                os.kill(pid, signal.SIGKILL)
                return True
    return False
