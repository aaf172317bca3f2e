from pathlib import Path

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_table import AccuracyTable, build_accuracy_table, sample_archs
from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space
from tests.support.spaces import MICRO


class _Meter:
    """Measures by a formula, and remembers what it measured."""

    def __init__(self) -> None:
        self.measured: list[Arch] = []

    def __call__(self, arch: Arch) -> float:
        self.measured.append(arch)
        return sum(arch.depths) / 10


def test_a_table_holds_what_was_measured_and_survives_the_file(tmp_path: Path) -> None:
    archs = sample_archs(MICRO, 8, seed=0)
    table = build_accuracy_table(MICRO, archs, _Meter(), split="validation", network="net")
    table.save(tmp_path / "table.json")
    loaded = AccuracyTable.load(tmp_path / "table.json", MICRO)
    assert MICRO.decode(loaded.genes) == archs
    np.testing.assert_allclose(loaded.top1, [sum(arch.depths) / 10 for arch in archs])
    assert (loaded.split, loaded.network) == ("validation", "net")


def test_known_archs_are_not_measured_again_unless_the_network_changed() -> None:
    archs = sample_archs(MICRO, 8, seed=0)
    known = build_accuracy_table(MICRO, archs[:5], _Meter(), split="validation", network="net")
    meter = _Meter()
    build_accuracy_table(MICRO, archs, meter, split="validation", network="net", known=known)
    assert meter.measured == archs[5:]
    other = _Meter()
    build_accuracy_table(MICRO, archs, other, split="validation", network="other net", known=known)
    assert other.measured == archs


def test_the_sample_begins_with_the_ends_of_the_space_and_is_reproducible() -> None:
    space = get_search_space("mobilenet_v3_tiny")
    archs = sample_archs(space, 30, seed=1)
    assert archs == sample_archs(space, 30, seed=1) != sample_archs(space, 30, seed=2)
    assert archs[0] == space.largest(space.image_sizes[0])
    assert {space.smallest(), space.smallest(40), space.largest()} <= set(archs[:4])
    assert len(set(archs)) == 30  # the others are random
    assert len(archs) == 30


def test_each_measurement_is_reported_with_the_table_so_far() -> None:
    sizes: list[int] = []
    build_accuracy_table(
        MICRO,
        sample_archs(MICRO, 3, 0),
        _Meter(),
        split="validation",
        network="net",
        on_measured=lambda table: sizes.append(len(table.top1)),
    )
    assert sizes == [1, 2, 3]


def test_a_missing_or_foreign_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file. Build one with tools/build_accuracy_table.py"):
        AccuracyTable.load(tmp_path / "none.json", MICRO)
    (tmp_path / "bad.json").write_text('{"schema": "ofa_tf/accuracy_table/1"}')
    with pytest.raises(InputError, match=r"Received: KeyError\('entries'\). Build it again with"):
        AccuracyTable.load(tmp_path / "bad.json", MICRO)
    table = build_accuracy_table(MICRO, sample_archs(MICRO, 2, 0), _Meter(), split="validation", network="net")
    table.save(tmp_path / "micro.json")
    with pytest.raises(InputError, match="Received: one of 'micro'"):
        AccuracyTable.load(tmp_path / "micro.json", get_search_space("mobilenet_v3_tiny"))


def test_a_sample_of_no_archs_is_refused() -> None:
    with pytest.raises(InputError, match="Received: num_archs=0"):
        sample_archs(MICRO, 0, 0)
