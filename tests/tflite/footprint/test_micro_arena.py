"""What is predicted of TFLite Micro's arena is what its interpreter allocates."""

import numpy as np
import pytest

from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.footprint.footprint import Footprint
from ofa_tf.tflite.litert.micro_arena import is_micro_installed, measure_micro_arena
from ofa_tf.tflite.lowering.targets import CPU, MCU
from ofa_tf.tflite.quantization.modes import INT8, NOT_QUANTIZED, QuantizationMode
from tests.support.spaces import BOTTLENECKS, MICRO
from tests.tflite.footprint.test_footprint import build_trained_looking, convert_as_shipped

NUM_CLASSES = 10
_MODES = (NOT_QUANTIZED, INT8)

needs_micro = pytest.mark.skipif(not is_micro_installed(), reason="tflite-micro is not installed")


def check(space: SearchSpace, arch: Arch, modes: tuple[QuantizationMode, ...] = _MODES) -> None:
    """Activations exactly; tables never too few, so that limits hold, and at most 5% of the arena too many."""
    subnet = build_trained_looking(space, arch, NUM_CLASSES)
    for mode in modes:
        measured = measure_micro_arena(convert_as_shipped(subnet, arch, mode, MCU))
        predicted = Footprint(space, NUM_CLASSES, mode, target=MCU).arena_bytes(arch)
        assert measured.arena_bytes <= predicted <= 1.05 * measured.arena_bytes, mode.name


@needs_micro
def test_an_arena_is_as_large_as_predicted() -> None:
    tiny = get_search_space("mobilenet_v3_tiny")
    check(tiny, tiny.smallest(24))
    check(BOTTLENECKS, BOTTLENECKS.sample(np.random.default_rng(1)), (INT8,))


@needs_micro
def test_models_that_take_pixels_need_more() -> None:
    tiny = get_search_space("mobilenet_v3_tiny")
    arch = tiny.smallest(24)
    subnet = build_trained_looking(tiny, arch, NUM_CLASSES)
    measured = measure_micro_arena(convert_as_shipped(subnet, arch, INT8, MCU, "uint8"))
    predicted = Footprint(tiny, NUM_CLASSES, INT8, target=MCU, input_type="uint8").arena_bytes(arch)
    assert measured.arena_bytes <= predicted <= 1.05 * measured.arena_bytes


@needs_micro
@pytest.mark.long
@pytest.mark.parametrize("name", ["mobilenet_v3_tiny", "mobilenet_v3_w1.0", "resnet50d"])
def test_arenas_of_random_subnets_are_as_large_as_predicted(name: str) -> None:
    space = get_search_space(name)
    for seed in range(2):
        check(space, space.sample(np.random.default_rng((2027, seed))))


@pytest.mark.parametrize("name", ["mobilenet_v3_tiny", "resnet50d"])
@pytest.mark.parametrize("mode", _MODES, ids=lambda mode: mode.name)
def test_what_is_looked_up_is_never_more_than_what_is_planned(name: str, mode: QuantizationMode) -> None:
    space = get_search_space(name)
    footprint = Footprint(space, NUM_CLASSES, mode, target=MCU)
    genes = space.sample_genes(np.random.default_rng(0), 60)
    least = footprint.least_arena_bytes(genes)
    planned = footprint.arena_bytes(genes)
    assert (least <= planned).all()
    assert (least > 0.6 * planned).all()
    assert len(set(planned)) > 30
    one_by_one = [footprint.arena_bytes(arch) for arch in space.decode(genes)]
    np.testing.assert_array_equal(planned, one_by_one)


def test_only_models_for_microcontrollers_have_an_arena() -> None:
    assert Footprint(MICRO, NUM_CLASSES, INT8, target=MCU).has_arena
    assert not Footprint(MICRO, NUM_CLASSES, INT8, target=CPU).has_arena
