"""What models of each target are made of, and that all compute the same."""

import collections

import keras
import numpy as np
import pytest

from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.presets import get_search_space
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.litert.interpreter import TFLiteModel, create_undelegated_interpreter
from ofa_tf.tflite.lowering.targets import TARGETS
from ofa_tf.tflite.quantization.modes import QUANTIZATION_MODES
from tests.support.networks import randomize


@pytest.fixture(scope="module")
def wide_kernels() -> keras.Model:
    """A network with kernels of 7 that CPUs want in strips, as its last images are 3 pixels wide, and hard-swishes."""
    space = get_search_space("mobilenet_v3_tiny")
    subnet = build_subnet(space, space.largest(24), 10)
    randomize(subnet, 0)
    return subnet


@pytest.fixture(scope="module")
def wide_images() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((4, 24, 24, 3), dtype=np.float32)


def _count_operators(content: bytes) -> collections.Counter:
    nodes = create_undelegated_interpreter(content)._get_ops_details()
    return collections.Counter(node["op_name"] for node in nodes)


def _num_layers(subnet: keras.Model, kind: type) -> int:
    return sum(isinstance(layer, kind) for layer in subnet.layers)


@pytest.mark.parametrize("target", ["gpu", "npu"])
def test_own_kernels_get_whole_convolutions_and_hard_swishes(
    target: str, wide_kernels: keras.Model, wide_images: np.ndarray
) -> None:
    """Also in int8, where the CPU's models have hard-swishes in parts."""
    num_depthwise = _num_layers(wide_kernels, keras.layers.DepthwiseConv2D)
    for name in QUANTIZATION_MODES:
        mode = QUANTIZATION_MODES[name]
        if mode.needs_fine_tuning or not TARGETS[target].takes(mode.weight_bits, mode.activation_bits):
            continue
        operators = _count_operators(to_tflite(wide_kernels, name, [wide_images], target=target))
        assert operators["DEPTHWISE_CONV_2D"] == num_depthwise, name
        assert operators["HARD_SWISH"] > 0, name


def test_cpus_get_strips_and_hard_swishes_in_parts(wide_kernels: keras.Model, wide_images: np.ndarray) -> None:
    operators = _count_operators(to_tflite(wide_kernels, "int8", [wide_images], target="cpu"))
    assert operators["DEPTHWISE_CONV_2D"] != _num_layers(wide_kernels, keras.layers.DepthwiseConv2D)
    assert operators["HARD_SWISH"] == 0


@pytest.mark.parametrize("target", list(TARGETS))
def test_a_float_model_of_any_target_computes_what_the_network_does(
    target: str, wide_kernels: keras.Model, wide_images: np.ndarray
) -> None:
    expected = np.asarray(wide_kernels(wide_images, training=False))
    actual = TFLiteModel(to_tflite(wide_kernels, target=target)).predict(wide_images)
    np.testing.assert_allclose(actual, expected, atol=1e-4 * np.abs(expected).max())
