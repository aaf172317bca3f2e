"""Models for GPUs run on LiteRT's GPU accelerator, all of their operators, and give the network's logits there."""

from pathlib import Path

import keras
import numpy as np
import pytest

from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.graph.input_format import InputFormat
from tests.support.software_gpu import find_missing, run_on_gpu
from tests.support.spaces import BOTTLENECKS

pytestmark = pytest.mark.skipif(find_missing() is not None, reason=f"without {find_missing()}")

_TINY = get_search_space("mobilenet_v3_tiny")


def _network(space: SearchSpace) -> keras.Model:
    """A network whose activations stay as large as those of trained ones."""
    keras.utils.set_random_seed(0)
    subnet = build_subnet(space, space.largest(), 10)
    images = _images(subnet)
    for _ in range(20):  # moves the statistics of batch normalization to those of the images
        subnet(images, training=True)
    return subnet


def _images(subnet: keras.Model) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((3, *subnet.input_shape[1:]), dtype=np.float32)


@pytest.mark.parametrize("space", [_TINY, BOTTLENECKS], ids=lambda space: space.name)
@pytest.mark.parametrize(("quantization", "largest_error"), [("none", 1e-5), ("float16", 1e-2)])
def test_a_model_for_gpus_runs_there_entirely(
    quantization: str, largest_error: float, space: SearchSpace, tmp_path: Path
) -> None:
    subnet = _network(space)
    images = _images(subnet)
    logits, place = run_on_gpu(to_tflite(subnet, quantization, target="gpu"), images, tmp_path)
    assert place == "fully accelerated"
    expected = np.asarray(subnet(images, training=False))
    assert np.abs(logits - expected).max() <= largest_error * np.abs(expected).max()


def test_a_model_for_gpus_may_take_pixels(tmp_path: Path) -> None:
    subnet = _network(_TINY)
    pixels = np.random.default_rng(2).integers(0, 256, (3, *subnet.input_shape[1:]), np.uint8)
    input_format = InputFormat("uint8", (120.0, 115.0, 100.0), (58.0, 57.0, 56.0))
    content = to_tflite(subnet, input_format=input_format, target="gpu")
    logits, place = run_on_gpu(content, pixels, tmp_path)
    assert place == "fully accelerated"
    normalized = (pixels - np.float32(input_format.mean)) / np.float32(input_format.std)
    expected = np.asarray(subnet(normalized, training=False))
    assert np.abs(logits - expected).max() <= 1e-4 * np.abs(expected).max()


def test_what_a_gpu_does_not_run_is_told(tmp_path: Path) -> None:
    """As of int16 activations, which is why such models are refused for GPUs."""
    subnet = _network(BOTTLENECKS)
    content = to_tflite(subnet, "int16x8", [_images(subnet)], target="npu")
    _, place = run_on_gpu(content, None, tmp_path)
    assert place == "partly accelerated"
