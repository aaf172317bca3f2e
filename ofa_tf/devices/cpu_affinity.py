"""Which cores of this computer a measurement runs on."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ofa_tf.base.errors import InputError

_FOLDER = Path("/sys/devices/system/cpu")


def parse_cpu_mask(mask: str) -> list[int]:
    """The cores of a mask as `taskset` takes them: `"6"` stands for the cores 1 and 2.

    Raises:
        InputError: If it is not a hexadecimal number above 0.
    """
    bits = int(mask, 16) if re.fullmatch("[0-9a-fA-F]+", mask) else 0
    if bits == 0:
        raise InputError(f"Expected `cpu_mask` to be a hexadecimal number such as f0. Received: {mask!r}.")
    return [core for core in range(bits.bit_length()) if bits >> core & 1]


def choose_cores(num_threads: int, mask: str | None = None, folder: Path = _FOLDER) -> list[int] | None:
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
    return sorted(list(_by_preference(allowed, folder))[:num_threads])


def _by_preference(allowed: set[int], folder: Path) -> Iterator[int]:
    fastest_first = sorted(allowed, key=lambda core: (_speed(core, folder), core), reverse=True)
    taken: set[str] = set()
    siblings = []
    for core in fastest_first:
        hardware = _read(folder / f"cpu{core}/topology/thread_siblings_list") or str(core)
        if hardware in taken:
            siblings.append(core)
        else:
            taken.add(hardware)
            yield core
    yield from siblings


def _speed(core: int, folder: Path) -> int:
    """Of a core among the others: its highest clock or, on some ARM processors, its capacity."""
    texts = (_read(folder / f"cpu{core}" / name) for name in ("cpufreq/cpuinfo_max_freq", "cpu_capacity"))
    return next((int(text) for text in texts if text.isdigit()), 0)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
