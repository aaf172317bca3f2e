import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_header import Origin
from ofa_tf.search.accuracy_sampling import build_accuracy_table, sample_archs
from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space
from tests.support.spaces import MICRO

_ORIGIN = Origin("search", "net")


class _Meter:
    """Measures by a formula, and remembers what it measured."""

    def __init__(self, num_images: int = 10) -> None:
        self.num_images = num_images
        self.measured: list[Arch] = []

    def __call__(self, arch: Arch) -> AccuracyCount:
        self.measured.append(arch)
        return AccuracyCount((sum(arch.depths), 1), (self.num_images, self.num_images))


def test_a_table_holds_what_was_measured() -> None:
    archs = sample_archs(MICRO, 8, seed=0)
    seen: list[tuple] = []
    table = build_accuracy_table(MICRO, archs, _Meter(), origin=_ORIGIN, on_arch=lambda *call: seen.append(call))
    assert MICRO.decode(table.genes) == archs
    assert table.num_correct.tolist() == [[sum(arch.depths), 1] for arch in archs]
    assert (table.num_images, table.origin) == ((10, 10), _ORIGIN)
    assert seen == [(arch, table.measurement(row), True) for row, arch in enumerate(archs)]


def test_known_archs_are_not_measured_again() -> None:
    archs = sample_archs(MICRO, 8, seed=0)
    known = build_accuracy_table(MICRO, archs[2:5], _Meter(), origin=_ORIGIN)
    meter = _Meter()
    are_new: list[bool] = []
    table = build_accuracy_table(
        MICRO, archs, meter, origin=_ORIGIN, known=known, on_arch=lambda arch, measured, is_new: are_new.append(is_new)
    )
    assert meter.measured == archs[:2] + archs[5:]
    assert are_new == [True] * 2 + [False] * 3 + [True] * 3
    assert MICRO.decode(table.genes) == archs[2:5] + archs[:2] + archs[5:]


def test_a_table_is_not_continued_on_other_images() -> None:
    archs = sample_archs(MICRO, 8, seed=0)
    known = build_accuracy_table(MICRO, archs[:5], _Meter(), origin=_ORIGIN)
    with pytest.raises(InputError, match=r"measured on 20 images, .* Received: 22 images"):
        build_accuracy_table(MICRO, archs, _Meter(11), origin=_ORIGIN, known=known)


def test_a_table_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="at least one arch"):
        build_accuracy_table(MICRO, [], _Meter(), origin=_ORIGIN)


def test_the_sample_begins_with_the_ends_of_the_space_and_is_reproducible() -> None:
    space = get_search_space("mobilenet_v3_tiny")
    archs = sample_archs(space, 30, seed=1)
    assert archs == sample_archs(space, 30, seed=1) != sample_archs(space, 30, seed=2)
    assert archs == sample_archs(space, 50, seed=1)[:30]
    assert archs[0] == space.largest(space.image_sizes[0])
    assert {space.smallest(), space.smallest(40), space.largest()} <= set(archs[:4])
    assert len(archs) == 30


def test_all_subnets_of_a_small_space_are_found_once_each() -> None:
    num_all = MICRO.count(include_image_sizes=True)
    archs = sample_archs(MICRO, num_all + 5, seed=0)
    assert len(archs) == len(set(archs)) == num_all
    assert archs[:300] == sample_archs(MICRO, 300, seed=0)
    one = MICRO.of_one(MICRO.smallest())
    assert sample_archs(one, 5, seed=0) == [MICRO.smallest()]


def test_a_sample_of_no_archs_is_refused() -> None:
    with pytest.raises(InputError, match="Received: num_archs=0"):
        sample_archs(MICRO, 0, 0)
