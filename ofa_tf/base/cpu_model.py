"""What this computer's processor is, by which latency tables of one computer are told from those of another.

Linux tells the name on x86. On ARM it tells the numbers of each core's design, and often the name of the board (and
on 32 bits a name that many processors share); macOS is asked by a program.
"""

import contextlib
import platform
import subprocess
from pathlib import Path

PROCESSOR_FILE = Path("/proc/cpuinfo")  # of Linux
BOARD_FILE = Path("/proc/device-tree/model")  # of Linux on most boards, with a zero at its end
_MACOS_COMMAND = ("sysctl", "-n", "machdep.cpu.brand_string")
_MACOS_TIMEOUT_S = 5.0


def read_cpu_model(processor_file: Path = PROCESSOR_FILE, board_file: Path = BOARD_FILE) -> str:
    """The name of this computer's processor; without one, what tells it from most others.

    Args:
        processor_file: What Linux says of the processors.
        board_file: What Linux says of the board.
    """
    arm_name = _read_arm_name(processor_file, board_file)
    if arm_name:
        return arm_name
    names = read_cpu_entries("model name", processor_file)
    if names:
        return names[0]
    return _ask_macos() or platform.processor() or platform.machine()


def read_cpu_entries(name: str, processor_file: Path = PROCESSOR_FILE) -> list[str]:
    """What Linux says of the processors under a name, one entry each; empty if nothing."""
    values: list[str] = []
    with contextlib.suppress(OSError):
        for line in processor_file.read_text(encoding="utf-8", errors="replace").splitlines():
            entry, _, value = line.partition(":")
            if entry.strip() == name:
                values.append(value.strip())
    return values


def _read_arm_name(processor_file: Path, board_file: Path) -> str:
    """The board, and the designs of its cores by maker and part: `Raspberry Pi 4 (ARM cores 0x41/0xd08)`."""
    makers = read_cpu_entries("CPU implementer", processor_file)
    parts = read_cpu_entries("CPU part", processor_file)
    designs = sorted({f"{maker}/{part}" for maker, part in zip(makers, parts, strict=False)})
    if not designs:
        return ""
    cores = f"ARM cores {', '.join(designs)}"
    board = ""
    with contextlib.suppress(OSError):
        board = board_file.read_text(encoding="utf-8", errors="replace").strip("\0 \n")
    if not board:
        return cores
    return f"{board} ({cores})"


def _ask_macos() -> str:
    """What macOS calls the processor, such as `Apple M2`; empty elsewhere."""
    if platform.system() != "Darwin":
        return ""
    try:
        answer = subprocess.run(_MACOS_COMMAND, capture_output=True, text=True, timeout=_MACOS_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
