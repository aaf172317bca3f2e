"""Dead tensors and channels, as batch normalization with a gamma near 0 makes them, arrive in integer models."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.tflite.conversion.conversion import Conversion
from ofa_tf.tflite.conversion.keras_to_tflite import prepare_conversion
from ofa_tf.tflite.graph.graph import INPUT, Graph, Node
from ofa_tf.tflite.graph.tensorflow_runner import run_graph
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.quantization.dead_channels import lift_kernels


def _assert_alike(conversion: Conversion, images: np.ndarray, correlation: float) -> None:
    expected = run_graph(conversion.graph, tf.constant(images)).numpy()
    actual = TFLiteModel(conversion.run()).predict(images)
    assert np.corrcoef(actual.ravel(), expected.ravel())[0, 1] > correlation


@pytest.mark.parametrize("weight", [0.0, 1e-12, -1e-7])
@pytest.mark.parametrize("quantization", ["int8", "int16x8"])
def test_the_bias_of_a_dead_channel_stays(quantization: str, weight: float) -> None:
    inputs = keras.Input((6, 6, 3))
    conv = keras.layers.Conv2D(4, 6, name="conv")
    model = keras.Model(inputs, keras.layers.Flatten()(conv(inputs)))
    kernel = conv.kernel.numpy()
    kernel[..., 1] = weight
    conv.kernel.assign(kernel)
    conv.bias.assign([0.5, 1.0, -0.5, 0.0])
    images = np.random.default_rng(0).standard_normal((20, 6, 6, 3), dtype=np.float32)
    actual = TFLiteModel(prepare_conversion(model, quantization, [images]).run()).predict(images)
    assert np.abs(actual - np.asarray(model(images)))[:, 1].max() < 0.02


@pytest.mark.parametrize("quantization", ["int8", "int16x8"])
def test_a_tensor_that_was_always_0_is_no_end(subnet: keras.Model, images: np.ndarray, quantization: str) -> None:
    conversion = prepare_conversion(subnet, quantization, [images])
    dead = "stage2_block1_se_reduce"

    def kill(node: Node) -> list[Node]:
        return [node.with_weights(bias=node.bias - 50)] if node.name == dead else [node]

    conversion = conversion.with_graph(conversion.graph.map(kill), [images])
    assert (0.0, 0.0) in conversion.ranges.values()
    _assert_alike(conversion, images, 0.95)


@pytest.mark.parametrize("gamma", [0.0, 1e-7, 1e-3])
def test_channels_with_next_to_no_gamma_do_not_spoil_the_others(
    subnet: keras.Model, images: np.ndarray, gamma: float
) -> None:
    model = keras.models.clone_model(subnet)
    model.set_weights(subnet.get_weights())
    for layer in model.layers:
        if layer.name.endswith("depthwise_bn"):
            values = layer.gamma.numpy()
            values[::5] = gamma
            layer.gamma.assign(values)
            layer.beta.assign(np.where(np.arange(len(values)) % 5 == 0, 1, layer.beta.numpy()))
    _assert_alike(prepare_conversion(model, "int8", [images]), images, 0.95)


def test_healthy_kernels_stay_as_they_are(subnet: keras.Model, images: np.ndarray) -> None:
    conversion = prepare_conversion(subnet, "int8", [images])
    lifted = lift_kernels(conversion.graph, conversion.ranges, 8)
    for before, after in zip(conversion.graph.nodes, lifted.nodes, strict=True):
        for name, weight in before.weights.items():
            np.testing.assert_array_equal(after.weights[name], weight)


def test_nodes_that_stay_float_stay_as_they_are() -> None:
    weights = {"kernel": np.zeros((1, 1, 3, 2), np.float32), "bias": np.ones(2, np.float32)}
    graph = Graph((2, 2, 3), (Node("conv", "conv2d", (INPUT,), {"stride": 1, "padding": "valid"}, weights),))
    ranges = {INPUT: (-1.0, 1.0), "conv": (0.0, 1.0)}
    assert lift_kernels(graph, ranges, 8).nodes[0].kernel.any()
    assert not lift_kernels(graph, ranges, 8, ["conv"]).nodes[0].kernel.any()
