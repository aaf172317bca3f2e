"""What is said of a model before it is made is true of the model."""

import dataclasses
import json
from typing import Any

import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_params
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.conversion.for_measuring import convert_subnet_for_measuring
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.footprint.footprint import Footprint
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.litert.arena_size import measure_arena
from ofa_tf.tflite.litert.metadata import add_metadata
from ofa_tf.tflite.lowering.targets import CPU, GPU, MCU, NPU, Target
from ofa_tf.tflite.quantization.model_form import ModelForm
from ofa_tf.tflite.quantization.modes import DYNAMIC, FLOAT16, INT8, INT16X8, NOT_QUANTIZED, QuantizationMode
from ofa_tf.tflite.quantization.precisions import Precision
from ofa_tf.tflite.shipping.sidecar import describe
from tests.support.spaces import BOTTLENECKS, MICRO

TINY = get_search_space("mobilenet_v3_tiny")
NUM_CLASSES = 10

# What is in a file once, though several parts have it, is counted in each: some percent of files below 30 KB.
_SLACK_BYTES = 512


_FORMS = (
    (NOT_QUANTIZED, CPU, "normalized"),
    (INT8, CPU, "uint8"),
    (NOT_QUANTIZED, CPU, "uint8"),
    (INT8, CPU, "normalized"),
    (INT8, CPU, "float32"),
    (FLOAT16, GPU, "normalized"),
    (FLOAT16, GPU, "uint8"),
    (INT8, NPU, "normalized"),
    (INT8, MCU, "normalized"),
)


def build_trained_looking(space: SearchSpace, arch: Arch, num_classes: int) -> keras.Model:
    """A subnet with different numbers in all its weights: equal ones would be kept once in a file."""
    subnet = build_subnet(space, arch, num_classes)
    rng = np.random.default_rng(0)
    for layer in subnet.layers:
        weights = [rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()]
        if not isinstance(layer, keras.layers.BatchNormalization):
            weights = [(weight - 1) / np.sqrt(weight.size) for weight in weights]
        layer.set_weights(weights)
    return subnet


def convert_as_shipped(
    subnet: keras.Model, arch: Arch, mode: QuantizationMode, target: Target = CPU, input_type: str = "normalized"
) -> bytes:
    """The model of a subnet with the metadata that a shipped one has."""
    num_classes = int(subnet.output_shape[-1])
    input_format = InputFormat(input_type, (0.5,) * 3, (0.25,) * 3)
    facts = describe(arch, ExportOptions(mode.name, target=target.name), num_classes, input_format)
    form = ModelForm(Precision(mode.name, mode), target, input_type)
    return add_metadata(convert_subnet_for_measuring(subnet, form), facts)


def check(space: SearchSpace, arch: Arch, num_classes: int = NUM_CLASSES) -> None:
    """Compare sizes with the file as it is shipped, and memory with what LiteRT allocates for it."""
    subnet = build_trained_looking(space, arch, num_classes)
    # Networks that take longer are made in the usual forms only.
    forms = _FORMS if space in (BOTTLENECKS, MICRO) else _FORMS[:2]
    for mode, target, input_type in forms:
        content = convert_as_shipped(subnet, arch, mode, target, input_type)
        footprint = Footprint(space, num_classes, mode, target=target, input_type=input_type)
        assert footprint.peak_ram_bytes(arch) == measure_arena(content)
        size_bytes = footprint.size_bytes(arch)
        assert len(content) <= size_bytes <= 1.05 * len(content) + _SLACK_BYTES


def archs_of_all_kinds() -> list[Any]:
    rng = np.random.default_rng(1)
    smallest = TINY.smallest(24)
    # Kernels of 7x7 become strips, and are cut to 5x5 where images have become as small as 3x3.
    largest_kernels = TINY.sample(rng, TINY.smallest_indices(kernel_sizes=1))
    with_small_images = dataclasses.replace(largest_kernels, image_size=24)
    return [
        pytest.param(TINY, smallest, id="smallest"),
        pytest.param(TINY, with_small_images, id="strips"),
        pytest.param(BOTTLENECKS, BOTTLENECKS.sample(rng), id="bottlenecks"),
        pytest.param(BOTTLENECKS, BOTTLENECKS.largest(), id="all_bottlenecks"),
        pytest.param(MICRO, MICRO.sample(rng), id="micro"),
    ]


@pytest.mark.parametrize(("space", "arch"), archs_of_all_kinds())
def test_file_size_and_memory_are_those_of_the_shipped_model(space: SearchSpace, arch: Arch) -> None:
    check(space, arch)


def test_other_modes_are_known_too() -> None:
    arch = MICRO.largest()
    subnet = build_trained_looking(MICRO, arch, NUM_CLASSES)
    for mode in (FLOAT16, DYNAMIC, INT16X8):
        content = convert_as_shipped(subnet, arch, mode)
        assert Footprint(MICRO, NUM_CLASSES, mode).size_bytes(arch) == pytest.approx(len(content), rel=0.05)


def test_rewrites_that_are_left_out_are_not_counted() -> None:
    arch = TINY.smallest(24)
    subnet = build_trained_looking(TINY, arch, NUM_CLASSES)
    plain = Footprint(TINY, NUM_CLASSES, NOT_QUANTIZED, lowering="none")
    content = to_tflite(subnet, lowering="none")
    assert plain.peak_ram_bytes(arch) == measure_arena(content)
    assert plain.size_bytes(arch) == pytest.approx(len(content), rel=0.02)
    with pytest.raises(InputError, match="Expected `lowering` to be of"):
        Footprint(TINY, NUM_CLASSES, INT8, lowering="fold_everything")


@pytest.mark.parametrize("space", [TINY, BOTTLENECKS], ids=lambda space: space.name)
def test_many_archs_at_once_equal_one_by_one(space: SearchSpace) -> None:
    footprint = Footprint(space, NUM_CLASSES, INT8)
    genes = space.sample_genes(np.random.default_rng(0), 20)
    archs = space.decode(genes)
    for look_up in (footprint.size_bytes, footprint.peak_ram_bytes, footprint.least_peak_ram_bytes):
        one_by_one = [look_up(arch) for arch in archs]
        assert all(type(value) is int for value in [*one_by_one, look_up(genes[0])])
        np.testing.assert_array_equal(look_up(genes), one_by_one)
        np.testing.assert_array_equal(look_up(space.canonical_genes(genes)), one_by_one)
        assert look_up(archs[:0]).shape == (0,)
        assert json.loads(json.dumps(one_by_one)) == one_by_one
        assert len(set(one_by_one)) > 5


@pytest.mark.parametrize("mode", [NOT_QUANTIZED, INT8], ids=lambda mode: mode.name)
@pytest.mark.parametrize("name", ["mobilenet_v3_tiny", "resnet50d"])
def test_what_is_looked_up_is_never_more_than_what_is_planned(name: str, mode: QuantizationMode) -> None:
    space = get_search_space(name)
    footprint = Footprint(space, 1000, mode)
    genes = space.sample_genes(np.random.default_rng(0), 60)
    least = footprint.least_peak_ram_bytes(genes)
    planned = footprint.peak_ram_bytes(genes)
    assert (least <= planned).all()
    assert (least > 0.8 * planned).all()
    assert 0 < (least == planned).sum() < len(genes)


def test_int8_is_more_than_a_quarter_of_float32() -> None:
    in_float = Footprint(TINY, NUM_CLASSES, NOT_QUANTIZED).size_bytes(TINY.largest())
    in_int8 = Footprint(TINY, NUM_CLASSES, INT8).size_bytes(TINY.largest())
    num_weights = num_params(TINY, TINY.largest(), NUM_CLASSES)
    assert 4 * num_weights < 1.05 * in_float
    # Each channel of a convolution has two scales and two zero points, of its weights and of its bias.
    assert 1.2 * num_weights < in_int8 < 0.5 * in_float


def test_a_space_of_one_subnet_has_its_footprint() -> None:
    arch = BOTTLENECKS.sample(np.random.default_rng(3))
    alone = Footprint(BOTTLENECKS.of_one(arch), NUM_CLASSES, INT8)
    among_others = Footprint(BOTTLENECKS, NUM_CLASSES, INT8)
    assert alone.size_bytes(arch) == among_others.size_bytes(arch)
    assert alone.peak_ram_bytes(arch) == among_others.peak_ram_bytes(arch)


@pytest.mark.parametrize("wrong", [-1, 9])
def test_genes_that_stand_for_nothing_have_no_footprint(wrong: int) -> None:
    footprint = Footprint(TINY, NUM_CLASSES, INT8)
    genes = TINY.encode([TINY.smallest(), TINY.largest()])
    genes[1, 7] = wrong
    for look_up in (footprint.size_bytes, footprint.peak_ram_bytes, footprint.least_peak_ram_bytes):
        with pytest.raises(InputError, match=rf"Expected gene 7 to be from 0 to 2\. Received: {wrong}\."):
            look_up(genes)


@pytest.mark.long
@pytest.mark.parametrize("name", ["mobilenet_v3_tiny", "mobilenet_v3_w1.0", "resnet50d"])
def test_random_subnets_of_the_large_spaces_take_what_was_said(name: str) -> None:
    space = get_search_space(name)
    for seed in range(2):
        arch = space.sample(np.random.default_rng((2026, seed)))
        check(space, arch, num_classes=1000)
