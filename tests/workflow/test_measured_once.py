import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import waited_for_file
from ofa_tf.data.shares import SEARCH_SHARE
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_header import Origin
from ofa_tf.search.accuracy_sampling import sample_archs
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.space.arch import Arch
from ofa_tf.workflow.measured_once import MeasuredOnce
from tests.support.repository import ROOT
from tests.support.spaces import MICRO


class _Counting:
    """Measures, and counts how often."""

    def __init__(self) -> None:
        self.archs: list[Arch] = []

    def __call__(self, arch: Arch) -> AccuracyCount:
        self.archs.append(arch)
        return AccuracyCount((len(self.archs), 0), (100, 100))


def test_a_subnet_is_measured_once_over_programs(tmp_path: Path) -> None:
    counting = _Counting()
    path = tmp_path / "measurements.jsonl"
    first = MeasuredOnce(MICRO, Origin(SEARCH_SHARE, "net"), path, counting)
    largest = first(MICRO.largest())
    smallest = first(MICRO.smallest())
    assert first(MICRO.largest()) == largest == AccuracyCount((1, 0), (100, 100))

    second = MeasuredOnce(MICRO, Origin(SEARCH_SHARE, "net"), path, counting)
    assert second(MICRO.largest()) == largest
    assert second(MICRO.smallest()) == smallest
    assert counting.archs == [MICRO.canonical(MICRO.largest()), MICRO.canonical(MICRO.smallest())]


def test_what_was_measured_of_another_supernet_does_not_count(tmp_path: Path) -> None:
    counting = _Counting()
    path = tmp_path / "measurements.jsonl"
    MeasuredOnce(MICRO, Origin(SEARCH_SHARE, "net"), path, counting)(MICRO.largest())
    other = MeasuredOnce(MICRO, Origin(SEARCH_SHARE, "other"), path, counting)
    assert other(MICRO.largest()) == AccuracyCount((2, 0), (100, 100))


def test_equal_networks_are_one(tmp_path: Path) -> None:
    counting = _Counting()
    once = MeasuredOnce(MICRO, Origin(SEARCH_SHARE, "net"), tmp_path / "measurements.jsonl", counting)
    shallow = MICRO.gene_counts - 1
    shallow[MICRO.depth_genes] = 0
    arch = MICRO.decode_one(shallow)
    assert arch != MICRO.canonical(arch)
    assert once(arch) == once(MICRO.canonical(arch))
    assert len(counting.archs) == 1


def test_what_another_search_measured_meanwhile_is_not_measured_again(tmp_path: Path) -> None:
    ours, theirs = _Counting(), _Counting()
    path = tmp_path / "measurements.jsonl"
    once = MeasuredOnce(MICRO, Origin(SEARCH_SHARE, "net"), path, ours)
    other = MeasuredOnce(MICRO, Origin(SEARCH_SHARE, "net"), path, theirs)
    assert once(MICRO.smallest()) == other(MICRO.smallest())
    assert other(MICRO.largest()) == once(MICRO.largest())
    assert (len(ours.archs), len(theirs.archs)) == (1, 1)


def test_of_two_measurements_at_the_same_moment_the_first_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "measurements.jsonl"

    def measure_while_another_does(arch: Arch) -> AccuracyCount:
        MeasuredOnce(MICRO, Origin(SEARCH_SHARE, "net"), path, _Counting())(arch)
        return AccuracyCount((50, 50), (100, 100))

    once = MeasuredOnce(MICRO, Origin(SEARCH_SHARE, "net"), path, measure_while_another_does)
    assert once(MICRO.smallest()) == AccuracyCount((1, 0), (100, 100))
    assert AccuracyTable.load(path, MICRO).num_correct.tolist() == [[1, 0]]


def test_a_measurement_on_other_images_is_refused_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "measurements.jsonl"
    MeasuredOnce(MICRO, Origin(SEARCH_SHARE, "net"), path, _Counting())(MICRO.largest())
    before = path.read_bytes()
    once = MeasuredOnce(MICRO, Origin(SEARCH_SHARE, "net"), path, lambda arch: AccuracyCount((9, 9), (10, 10)))
    with pytest.raises(InputError, match=rf"measured on 200 images, .* Received: 20 images.* delete {path} to"):
        once(MICRO.smallest())
    assert path.read_bytes() == before


# --- real processes -----------------------------------------------------------------

_NUM_ARCHS = 300

# Measures archs whose numbers are from the second to before the third argument, when told to on stdin.
_SEARCH = """
import sys
from pathlib import Path
from tests.workflow.test_measured_once import archs_to_measure, measure_by_formula
from ofa_tf.search.accuracy_header import Origin
from ofa_tf.workflow.measured_once import MeasuredOnce
from tests.support.spaces import MICRO

archs = archs_to_measure()[int(sys.argv[2]) : int(sys.argv[3])]
print("ready", flush=True)
sys.stdin.readline()
once = MeasuredOnce(MICRO, Origin("search", "net"), Path(sys.argv[1]), measure_by_formula)
for arch in archs:
    assert once(arch) == measure_by_formula(arch)
    print("measured", flush=True)
"""


def archs_to_measure() -> list[Arch]:
    return sample_archs(MICRO, _NUM_ARCHS, seed=0)


def measure_by_formula(arch: Arch) -> AccuracyCount:
    genes = MICRO.encode(MICRO.canonical(arch))
    return AccuracyCount((int(genes.sum()), int(genes[0])), (100, 99))


def _start(path: Path, start: int, stop: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", _SEARCH, str(path), str(start), str(stop)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _go(process: subprocess.Popen) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def _lines(process: subprocess.Popen) -> Iterator[str]:
    assert process.stdout is not None
    return iter(process.stdout.readline, "")


def _check(path: Path, archs: list[Arch]) -> None:
    """Check that a file has each arch once, with what was measured of it, and nothing lies beside it."""
    table = AccuracyTable.load(path, MICRO)
    counts = {arch: table.measurement(row) for row, arch in enumerate(MICRO.decode(table.genes))}
    assert counts == {arch: measure_by_formula(arch) for arch in map(MICRO.canonical, archs)}
    assert len(path.read_text().splitlines()) == 1 + len(archs)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_searches_that_run_at_the_same_time_keep_all_that_each_measures(tmp_path: Path) -> None:
    path = tmp_path / "measurements.jsonl"
    processes = [_start(path, 0, 250), _start(path, 50, _NUM_ARCHS), _start(path, 0, _NUM_ARCHS)]
    for process in processes:
        assert next(_lines(process)) == "ready\n"
    for process in processes:
        _go(process)
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")
    _check(path, archs_to_measure())


def test_a_search_that_is_killed_takes_nothing_of_what_others_measure_with_it(tmp_path: Path) -> None:
    path = tmp_path / "measurements.jsonl"
    killed, other = _start(path, 0, 200), _start(path, 100, _NUM_ARCHS)
    for process in (killed, other):
        assert next(_lines(process)) == "ready\n"
    for process in (killed, other):
        _go(process)
    for _, line in zip(range(40), _lines(killed), strict=False):
        assert line == "measured\n"
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    # What a process that is killed in the middle of a line leaves.
    with waited_for_file(path), path.open("a") as stream:
        stream.write(json.dumps({"arch": MICRO.smallest().to_dict()})[:30])
    _, errors = other.communicate(timeout=120)
    assert (other.returncode, errors) == (0, "")

    last = _start(path, 0, _NUM_ARCHS)
    _, errors = last.communicate("go\n", timeout=120)
    assert (last.returncode, errors) == (0, "")
    _check(path, archs_to_measure())
