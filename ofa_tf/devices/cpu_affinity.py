"""Which cores of this computer a measurement runs on."""

import os
import re
from pathlib import Path

from ofa_tf.base.errors import InputError

_KERNEL_FOLDER = Path("/sys/devices/system/cpu")
_SPEED_FILES = ("cpufreq/cpuinfo_max_freq", "cpu_capacity")  # the second on some ARM processors only


def parse_cpu_mask(mask: str) -> list[int]:
    """The cores of a mask as `taskset` takes them: `"6"` stands for the cores 1 and 2.

    Raises:
        InputError: If it is not a hexadecimal number above 0.
    """
    is_hexadecimal = re.fullmatch("[0-9a-fA-F]+", mask) is not None
    bits = int(mask, 16) if is_hexadecimal else 0
    if bits == 0:
        raise InputError(f"Expected `cpu_mask` to be a hexadecimal number such as f0. Received: {mask!r}.")
    return [core for core in range(bits.bit_length()) if bits >> core & 1]


def choose_affinity(
    num_threads: int,
    mask: str | None = None,
    folder: Path = _KERNEL_FOLDER,
) -> list[int] | None:
    """The cores to pin a measurement to, so that it does not wander between them.

    Args:
        num_threads: Number of threads, each of which gets a core if there are enough.
        mask: Cores that the user wants; by default the fastest, of those the ones
            that share no hardware with another chosen one, of those the last: the
            first core usually serves interrupts.
        folder: Where the kernel describes the cores.

    Returns:
        Numbers of cores, ascending; `None` where processes cannot be pinned.

    Raises:
        InputError: If the mask is malformed, names a core that this process may
            not use, has fewer cores than threads, or cannot be obeyed.
    """
    if not hasattr(os, "sched_getaffinity"):
        if mask is not None:
            raise InputError("Expected no --cpu_mask here. Received: one, but this system does not pin processes.")
        return None
    allowed = os.sched_getaffinity(0)
    if mask is not None:
        return _cores_of_mask(mask, allowed, num_threads)
    preferred = _by_preference(allowed, folder)
    return sorted(preferred[:num_threads])


def _cores_of_mask(
    mask: str,
    allowed: set[int],
    num_threads: int,
) -> list[int]:
    wanted = parse_cpu_mask(mask)
    if not allowed.issuperset(wanted):
        raise InputError(
            f"Expected --cpu_mask to be of the cores {sorted(allowed)}. Received: {mask!r}, the cores {wanted}."
        )
    if len(wanted) < num_threads:
        raise InputError(
            f"Expected --cpu_mask to have a core for each of {num_threads} threads. Received: {mask!r}, "
            f"{len(wanted)} cores. Name more cores, or fewer threads with --num_threads."
        )
    return wanted


def _by_preference(cores: set[int], folder: Path) -> list[int]:
    """The fastest cores first, and last those that share their hardware with one that comes before."""

    def speed_and_number(core: int) -> tuple[int, int]:
        return _speed(core, folder), core

    first_of_hardware: list[int] = []
    siblings: list[int] = []
    taken: set[str] = set()
    for core in sorted(cores, key=speed_and_number, reverse=True):
        hardware = _read(folder / f"cpu{core}/topology/thread_siblings_list") or str(core)
        if hardware in taken:
            siblings.append(core)
        else:
            first_of_hardware.append(core)
            taken.add(hardware)
    return first_of_hardware + siblings


def _speed(core: int, folder: Path) -> int:
    """Of a core among the others: its highest clock or its capacity; 0 if the kernel tells neither."""
    for name in _SPEED_FILES:
        text = _read(folder / f"cpu{core}" / name)
        if text.isdigit():
            return int(text)
    return 0


def _read(path: Path) -> str:
    """The content of a file, stripped; empty if it cannot be read."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
