"""Measurements are pinned to the cores that disturb them least."""

import os
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.cpu_affinity import choose_affinity, parse_cpu_mask

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not pin processes")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six cores: 0 and 1, and 2 and 3, are threads of one each; 4 and 5 are slow ones."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)))
    siblings = ["0-1", "0-1", "2-3", "2-3", "4", "5"]
    kilohertz = [4_000_000, 4_000_000, 4_000_000, 4_000_000, 2_000_000, 2_000_000]
    for core in range(6):
        _write(tmp_path / f"cpu{core}/topology/thread_siblings_list", siblings[core])
        _write(tmp_path / f"cpu{core}/cpufreq/cpuinfo_max_freq", str(kilohertz[core]))
    return tmp_path


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("num_threads", "cores"),
    [
        (1, [3]),
        (2, [1, 3]),
        (3, [1, 3, 5]),
        (5, [1, 2, 3, 4, 5]),
        (9, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_fast_cores_come_first_and_threads_of_one_core_last(
    folder: Path,
    num_threads: int,
    cores: list[int],
) -> None:
    assert choose_affinity(num_threads, folder=folder) == cores


def test_the_user_s_cores_are_taken(folder: Path) -> None:
    assert choose_affinity(1, "12", folder) == [1, 4]


def test_a_processor_that_tells_nothing_gives_its_last_core(tmp_path: Path) -> None:
    assert choose_affinity(1, folder=tmp_path) == [max(os.sched_getaffinity(0))]


def test_cores_that_are_not_there_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"of the cores \[0, 1, 2, 3, 4, 5\]. Received: '41', the cores \[0, 6\]"):
        choose_affinity(1, "41", folder)
    with pytest.raises(InputError, match=r"a core for each of 3 threads. Received: '12', 2 cores. Name more"):
        choose_affinity(3, "12", folder)


@pytest.mark.parametrize("mask", ["", "0", "-1", "0x3", "g", "1_0", " 3"])
def test_a_mask_that_is_no_hexadecimal_number_is_refused(mask: str) -> None:
    with pytest.raises(InputError, match=r"to be a hexadecimal number such as f0. Received: "):
        parse_cpu_mask(mask)
