import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.tflite.conversion.conversion import Conversion
from ofa_tf.tflite.conversion.keras_to_tflite import prepare_conversion
from ofa_tf.tflite.graph.graph import Graph, Node
from ofa_tf.tflite.graph.tensorflow_runner import run_graph
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.quantization.bias_correction import measure_bias_shifts, round_kernel
from ofa_tf.tflite.quantization.modes import INT8
from ofa_tf.tflite.quantization.ranges import measure_ranges


def _rounding_shows(op: str = "conv2d", has_bias: bool = True) -> tuple[Graph, np.ndarray]:
    """A graph of one operation whose mean output rounding moves, and what it takes."""
    rng = np.random.default_rng(0)
    shape = {"conv2d": (3, 3, 8, 8), "depthwise_conv2d": (3, 3, 8, 1), "dense": (8, 8)}[op]
    kernel = rng.standard_normal(shape).astype(np.float32)
    kernel[0] *= 100
    images = rng.standard_normal((20, 7, 7, 8)).astype(np.float32) + 1
    bias = {"bias": rng.standard_normal(8).astype(np.float32)} if has_bias else {}
    first = [Node("mean", "mean", ("images",)), Node("flat", "flatten", ("mean",))] if op == "dense" else []
    attributes = {} if op == "dense" else {"stride": 1, "padding": "valid"}
    node = Node("conv", op, (first[-1].name if first else "images",), attributes, {"kernel": kernel, **bias})
    return Graph((7, 7, 8), (*first, node)), images


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d", "dense"])
def test_corrected_biases_bring_the_mean_outputs_back(op: str, has_bias: bool) -> None:
    graph, images = _rounding_shows(op, has_bias)

    def means(graph: Graph) -> np.ndarray:
        values = run_graph(graph, tf.constant(images)).numpy()
        return values.mean(tuple(range(values.ndim - 1)))

    def rounded(graph: Graph) -> Graph:
        return graph.map(lambda node: [node.with_weights(kernel=round_kernel(node)) if node.name == "conv" else node])

    assert np.median(np.abs(means(rounded(graph)) - means(graph))) > 0.1
    shifts = measure_bias_shifts(graph, [images[:3], images[3:]])
    np.testing.assert_allclose(means(rounded(graph)) - shifts["conv"], means(graph), atol=1e-3)


def test_biases_are_corrected_for_layers_that_are_rounded_only() -> None:
    graph, images = _rounding_shows()
    graph = Graph(
        graph.input_shape, (*graph.nodes, Node("mean", "mean", ("conv",)), Node("flat", "flatten", ("mean",)))
    )
    exact = run_graph(graph, tf.constant(images)).numpy()
    conversion = Conversion(graph, INT8, ranges=measure_ranges(graph, [images]))
    corrected = dataclasses.replace(conversion, bias_shifts=measure_bias_shifts(graph, [images]))
    errors = {}
    for kind, each in (("plain", conversion), ("corrected", corrected)):
        for float_nodes in ((), ("conv",)):
            content = dataclasses.replace(each, float_nodes=float_nodes).run()
            errors[kind, len(float_nodes)] = np.abs((TFLiteModel(content).predict(images) - exact).mean(0)).max()
    assert errors["corrected", 0] < 0.3 * errors["plain", 0]
    assert errors["corrected", 1] == errors["plain", 1] < errors["corrected", 0] + 0.5


def test_rounded_kernels_have_255_levels_a_channel(subnet: keras.Model, images: np.ndarray) -> None:
    for node in prepare_conversion(subnet, "int8", [images]).graph.nodes:
        if node.op in ("conv2d", "depthwise_conv2d", "dense"):
            kernel, rounded = node.kernel, round_kernel(node)
            axis = kernel.ndim - (2 if node.op == "depthwise_conv2d" else 1)
            for before, after in zip(np.moveaxis(kernel, axis, 0), np.moveaxis(rounded, axis, 0), strict=True):
                step = np.abs(before).max() / 127
                assert np.abs(before - after).max() <= 0.501 * step
                np.testing.assert_allclose(after / step, np.rint(after / step), atol=1e-3)
