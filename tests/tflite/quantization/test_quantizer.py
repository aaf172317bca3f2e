import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.tflite.conversion.converter import convert_float_graph
from ofa_tf.tflite.conversion.keras_to_tflite import prepare_conversion
from ofa_tf.tflite.graph.graph import INPUT, Graph, Node
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.graph.tensorflow_runner import run_graph
from ofa_tf.tflite.litert.interpreter import TFLiteModel, create_undelegated_interpreter
from ofa_tf.tflite.litert.node_tensors import tensors_of_nodes
from ofa_tf.tflite.quantization.quantizer import quantize_model
from ofa_tf.tflite.quantization.ranges import Range, measure_ranges


@pytest.fixture(scope="module")
def graph(subnet: keras.Model, images: np.ndarray) -> Graph:
    return prepare_conversion(subnet, "int8", [images]).graph


@pytest.fixture(scope="module")
def lowered(graph: Graph) -> bytes:
    return convert_float_graph(graph)


@pytest.fixture(scope="module")
def ranges(graph: Graph, images: np.ndarray) -> dict[str, Range]:
    return measure_ranges(graph, [images])


def _details(content: bytes, graph: Graph) -> dict[str, dict]:
    interpreter = create_undelegated_interpreter(content)
    tensors = {name: details[-1] for name, details in tensors_of_nodes(graph, interpreter).items()}
    return {INPUT: interpreter.get_input_details()[0], **tensors}


def test_scales_and_zero_points_cover_the_ranges(graph: Graph, lowered: bytes, ranges: dict[str, Range]) -> None:
    tensors = _details(quantize_model(lowered, graph, ranges), graph)
    for name in (INPUT, "stem_bn", "stage3_block2_project_bn", "classifier"):
        scale, zero_point = tensors[name]["quantization"]
        low, high = ranges[name]
        assert scale == pytest.approx((high - low) / 255, rel=1e-3)
        assert scale * (-128 - zero_point) == pytest.approx(low, abs=scale)


def test_a_model_is_within_a_step_of_rounding_where_one_convolution_is_all_there_is() -> None:
    rng = np.random.default_rng(0)
    inputs = keras.Input((6, 6, 3))
    outputs = keras.layers.Flatten()(keras.layers.Conv2D(4, 6, use_bias=True, name="conv")(inputs))
    model = keras.Model(inputs, outputs)
    images = rng.standard_normal((20, 6, 6, 3), dtype=np.float32)
    conversion = prepare_conversion(model, "int8", [images])
    ranges = conversion.ranges
    actual = TFLiteModel(conversion.run()).predict(images)

    def rounded(values: np.ndarray, low: float, high: float) -> np.ndarray:
        scale = (high - low) / 255
        zero_point = round(-128 - low / scale)
        return scale * (np.clip(np.rint(values / scale) + zero_point, -128, 127) - zero_point)

    kernel = model.get_layer("conv").kernel.numpy()
    steps = np.abs(kernel).max((0, 1, 2)) / 127
    sums = np.einsum("nhwc,hwco->no", rounded(images, *ranges[INPUT]), steps * np.rint(kernel / steps))
    expected = rounded(sums + model.get_layer("conv").bias.numpy(), *ranges["conv"])
    assert np.abs(actual - expected).max() <= 1.01 * (ranges["conv"][1] - ranges["conv"][0]) / 255


def _with_rounded_weights(node: Node) -> list[Node]:
    if "kernel" not in node.weights:
        return [node]
    channels = -2 if node.op == "depthwise_conv2d" else -1
    others = tuple(axis for axis in range(node.kernel.ndim) if axis != node.kernel.ndim + channels)
    steps = np.abs(node.kernel).max(others, keepdims=True) / 127
    return [node.with_weights(kernel=(steps * np.rint(node.kernel / steps)).astype(np.float32))]


def test_with_int16_activations_only_the_rounding_of_weights_counts(
    graph: Graph, lowered: bytes, ranges: dict[str, Range], images: np.ndarray
) -> None:
    actual = TFLiteModel(quantize_model(lowered, graph, ranges, activation_bits=16)).predict(images)
    exact = np.asarray(run_graph(graph, tf.constant(images)))
    expected = np.asarray(run_graph(graph.map(_with_rounded_weights), tf.constant(images)))
    assert np.abs(expected - exact).max() > 0.05 * np.abs(exact).max()  # of a network that was never trained
    assert np.abs(actual - expected).max() < 5e-3 * np.abs(exact).max()


def test_chosen_nodes_stay_float(graph: Graph, lowered: bytes, ranges: dict[str, Range], images: np.ndarray) -> None:
    chosen = [node.name for node in graph.nodes if node.name.startswith("stage2_block1")]
    mixed = quantize_model(lowered, graph, ranges, float_nodes=chosen)
    kinds = {name: details["dtype"] for name, details in _details(mixed, graph).items()}
    assert kinds["stage2_block1_depthwise_relu"] == np.float32
    assert kinds["stage1_block1_depthwise_relu"] == kinds["stage3_block1_depthwise_bn"] == np.int8
    assert TFLiteModel(mixed).input_dtype == TFLiteModel(mixed).output_dtype == np.int8
    expected = run_graph(graph, tf.constant(images)).numpy()
    every = [node.name for node in graph.nodes]
    errors = [
        np.abs(TFLiteModel(quantize_model(lowered, graph, ranges, float_nodes=nodes)).predict(images) - expected).mean()
        for nodes in ([], every[: len(every) // 2], every)
    ]
    assert errors[2] < errors[1] < errors[0]


def test_a_model_takes_bytes_although_its_first_nodes_stay_float(subnet: keras.Model, images: np.ndarray) -> None:
    input_format = InputFormat("uint8", (127.5,) * 3, (50.0,) * 3)
    images = input_format.round(images)
    conversion = prepare_conversion(subnet, "int8", [images], input_format=input_format)
    first = [node.name for node in conversion.graph.nodes if node.name.startswith(("images", "stem"))]
    content = dataclasses.replace(conversion, float_nodes=tuple(first)).run()
    kinds = {name: details["dtype"] for name, details in _details(content, conversion.graph).items()}
    assert (kinds["stem_bn"], kinds["stage1_block1_project_bn"]) == (np.float32, np.int8)
    model = TFLiteModel(content)
    assert model.input_dtype == np.uint8
    expected = np.asarray(subnet(images))
    actual = model.predict(input_format.denormalize(images))
    assert np.corrcoef(actual.ravel(), expected.ravel())[0, 1] > 0.95
