from pathlib import Path

from ofa_tf.data.shares import SEARCH_SHARE
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_table import Origin
from ofa_tf.space.arch import Arch
from ofa_tf.workflow.measured_once import MeasuredOnce
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
