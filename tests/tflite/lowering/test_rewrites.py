"""Each rewrite computes what the Keras model computes, and does what it is for."""

import dataclasses
import itertools
from collections import Counter

import hypothesis
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies

from ofa_tf.base.errors import InputError
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.graph.graph import INPUT, Graph, Node
from ofa_tf.tflite.graph.keras_reader import read_keras
from ofa_tf.tflite.graph.tensorflow_runner import run_all, run_graph
from ofa_tf.tflite.lowering.lower import choose_lowerings, lower
from ofa_tf.tflite.lowering.rewrites import LOWERINGS
from ofa_tf.tflite.lowering.scale_folding import fold_scales
from tests.support.networks import randomize
from tests.support.spaces import BOTTLENECKS, SMALL

LARGE_KERNELS = dataclasses.replace(
    SMALL,
    name="large_kernels",
    stages=tuple(dataclasses.replace(stage, kernel_sizes=(3, 7, 9)) for stage in SMALL.stages),
)


def _subnet(space: SearchSpace, seed: int) -> tuple[keras.Model, np.ndarray]:
    """A random subnet with weights and statistics of all kinds, and images for it."""
    rng = np.random.default_rng(seed)
    model = build_subnet(space, space.sample(rng), 5)
    randomize(model, seed)
    return model, rng.standard_normal((2, *model.input_shape[1:]), dtype=np.float32)


def _assert_equal(graph: Graph, model: keras.Model, images: np.ndarray) -> None:
    expected = np.asarray(model(images))
    np.testing.assert_allclose(run_graph(graph, tf.constant(images)), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("space", [LARGE_KERNELS, BOTTLENECKS], ids=lambda space: space.name)
def test_every_choice_of_rewrites_computes_what_the_model_computes(space: SearchSpace, seed: int) -> None:
    model, images = _subnet(space, seed)
    graph = read_keras(model)
    _assert_equal(graph, model, images)
    for num in range(1, len(LOWERINGS) + 1):
        for names in itertools.combinations(LOWERINGS, num):
            _assert_equal(lower(graph, names, integer_activations=True), model, images)


def _operations(graph: Graph) -> Counter:
    return Counter(
        f"{node.op} {node.attributes['function']}" if node.op == "activation" else node.op for node in graph.nodes
    )


def test_nothing_is_left_of_what_litert_runs_badly() -> None:
    model, _ = _subnet(LARGE_KERNELS, 0)
    graph = read_keras(model)
    before, after = _operations(graph), _operations(lower(graph, integer_activations=True))
    for gone in ("batch_norm", "activation hard_swish", "activation hard_sigmoid"):
        assert before[gone] > 0
        assert after[gone] == 0
    assert after["scale"] == 0  # all are in some weights
    kernels = [node.kernel for node in lower(graph).nodes if node.op == "depthwise_conv2d"]
    assert max(kernel.shape[0] * kernel.shape[1] for kernel in kernels) <= 25


def test_hard_swish_stays_one_operator_in_float() -> None:
    graph = read_keras(_subnet(SMALL, 0)[0])
    number = _operations(graph)["activation hard_swish"]
    assert number > 0
    assert _operations(lower(graph, integer_activations=False))["activation hard_swish"] == number
    assert _operations(lower(graph, ["hard_swish"], integer_activations=False))["activation hard_swish"] == 0


@hypothesis.given(
    size=strategies.sampled_from([(7, 7), (9, 9), (5, 7), (11, 3), (3, 13), (6, 6), (8, 4), (7, 6)]),
    stride=strategies.sampled_from([1, 2]),
    pads=strategies.none() | strategies.tuples(*[strategies.integers(0, 4)] * 4),
    height=strategies.integers(12, 17),
    seed=strategies.integers(0, 99),
)
@hypothesis.settings(max_examples=40, deadline=None)
def test_large_depthwise_kernels_are_split_exactly(
    size: tuple[int, int], stride: int, pads: tuple[int, ...] | None, height: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    images = rng.standard_normal((1, height, 14, 3)).astype(np.float32)
    weights = {"kernel": rng.standard_normal((*size, 3, 1)).astype(np.float32), "bias": np.arange(3, dtype=np.float32)}
    nodes = []
    if pads is None and stride == 1:
        padding, source = "same", INPUT
    elif pads is None:
        padding, source = "valid", INPUT
    else:
        padding, source = "valid", "pad"
        nodes = [Node("pad", "pad", (INPUT,), {"padding": ((pads[0], pads[1]), (pads[2], pads[3]))})]
    nodes.append(Node("dw", "depthwise_conv2d", (source,), {"stride": stride, "padding": padding}, weights))
    graph = Graph((height, 14, 3), tuple(nodes))
    expected = run_graph(graph, tf.constant(images))
    split = lower(graph, ["split_depthwise"])
    assert sum(node.op == "depthwise_conv2d" for node in split.nodes) > 1
    np.testing.assert_allclose(run_graph(split, tf.constant(images)), expected, atol=2e-5)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", range(1, 6))
def test_taps_that_see_only_padding_are_cut_off(size: int, stride: int) -> None:
    rng = np.random.default_rng(size)
    weights = {"kernel": rng.standard_normal((7, 7, 3, 1)).astype(np.float32)}
    nodes = (
        Node("pad", "pad", (INPUT,), {"padding": ((3, 3), (3, 3))}),
        Node("dw", "depthwise_conv2d", ("pad",), {"stride": stride, "padding": "valid"}, weights),
    )
    graph = Graph((size, size, 3), nodes)
    images = rng.standard_normal((1, size, size, 3)).astype(np.float32)
    split = lower(graph, ["split_depthwise"])
    np.testing.assert_allclose(run_graph(split, images), run_graph(graph, images), atol=1e-5)
    largest = max(node.kernel.shape[1] for node in split.nodes if node.op == "depthwise_conv2d")
    assert largest == min(7, 2 * size - 1)


def test_sizes_are_those_of_the_outputs() -> None:
    model, images = _subnet(LARGE_KERNELS, 0)
    for graph in (read_keras(model), lower(read_keras(model), integer_activations=True)):
        values = run_all(graph, tf.constant(images))
        for name, size in graph.sizes().items():
            if len(values[name].shape) == 4:
                assert size == tuple(values[name].shape[1:3]), name


def test_an_uneven_padding_is_refused_rather_than_moved() -> None:
    kernel = np.zeros((7, 7, 3, 1), np.float32)
    node = Node("dw", "depthwise_conv2d", (INPUT,), {"stride": 2, "padding": "same"}, {"kernel": kernel})
    with pytest.raises(InputError, match=r"'dw' to be padded by a layer before it, as its stride is 2\. Received"):
        lower(Graph((8, 8, 3), (node,)), ["split_depthwise"])


def test_a_scale_that_no_weights_take_stays_and_is_right() -> None:
    images = np.random.default_rng(0).standard_normal((1, 4, 4, 2)).astype(np.float32)
    kernel = {"kernel": np.ones((1, 1, 2, 2), np.float32)}
    nodes = (
        Node("scaled", "scale", (INPUT,), {"factor": 0.5}),
        Node("conv", "conv2d", ("scaled",), {"stride": 1, "padding": "same"}, kernel),
        Node("relu6", "activation", ("scaled",), {"function": "relu6"}),  # relu6(x / 2) is not relu6(x) / 2
        Node("sum", "add", ("conv", "relu6")),
    )
    graph = Graph((4, 4, 2), nodes)
    folded = fold_scales(graph)
    assert [node.op for node in folded.nodes].count("scale") == 1
    np.testing.assert_allclose(folded.node("conv").kernel, 0.5)
    np.testing.assert_allclose(run_graph(folded, images), run_graph(graph, images), rtol=1e-6)


def test_a_scale_is_carried_over_a_residual_connection() -> None:
    images = np.random.default_rng(0).standard_normal((1, 4, 4, 2)).astype(np.float32)
    attributes = {"stride": 1, "padding": "same"}
    weights = {"kernel": np.full((1, 1, 2, 2), 0.3, np.float32), "bias": np.array([1, 2], np.float32)}
    nodes = (
        Node("scaled", "scale", (INPUT,), {"factor": 0.25}),
        Node("branch", "conv2d", ("scaled",), attributes, weights),
        Node("sum", "add", ("scaled", "branch")),
        Node("mean", "mean", ("sum",)),
        Node("last", "conv2d", ("mean",), attributes, weights),
    )
    graph = Graph((4, 4, 2), nodes)
    folded = fold_scales(graph)
    assert "scale" not in [node.op for node in folded.nodes]
    np.testing.assert_allclose(run_graph(folded, images), run_graph(graph, images), rtol=1e-5)


def test_every_node_can_be_looked_at() -> None:
    model, images = _subnet(SMALL, 1)
    values = run_all(read_keras(model), tf.constant(images))
    layer = model.get_layer("stage1_block1_project_bn")
    inner = keras.Model(model.inputs, layer.output)
    np.testing.assert_allclose(values["stage1_block1_project_bn"], inner(images), atol=1e-4)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["fold"], r"Expected `lowering` to be of \['all', 'none', 'fold_batch_norm', .*Received: 'fold'\."),
        (["all", "hard_swish"], r"all, none or a list of others\. Received: all,hard_swish\."),
    ],
)
def test_unknown_rewrites_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose_lowerings(names, integer_activations=False)


def test_no_rewrites_leave_the_graph_alone() -> None:
    graph = read_keras(_subnet(SMALL, 0)[0])
    assert lower(graph, "none") is graph
    assert lower(graph, []) is graph


def test_a_graph_refuses_nodes_out_of_order_and_names_used_twice() -> None:
    first, second = Node("a", "flatten", (INPUT,)), Node("b", "flatten", ("a",))
    with pytest.raises(InputError, match=r"inputs of 'b' to come before it\. Received: \['a'\]"):
        Graph((4, 4, 3), (second, first))
    with pytest.raises(InputError, match=r"names of nodes to differ\. Received: 'a' twice"):
        Graph((4, 4, 3), (first, first))


# --- reading ---------------------------------------------------------------


def _functional(*layers: keras.layers.Layer) -> keras.Model:
    inputs = x = keras.Input((9, 9, 3))
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def test_activations_given_as_arguments_and_pools_are_read() -> None:
    model = _functional(
        keras.layers.Conv2D(4, 3, padding="same", activation="relu"),
        keras.layers.DepthwiseConv2D(3, padding="valid", activation="hard_swish"),
        keras.layers.MaxPooling2D(2, padding="same"),
        keras.layers.AveragePooling2D(3, 2, padding="same"),
        keras.layers.BatchNormalization(scale=False, center=False),
        keras.layers.ReLU(6),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(5, activation="hard_sigmoid"),
    )
    rng = np.random.default_rng(0)
    randomize(model)
    images = rng.standard_normal((2, 9, 9, 3)).astype(np.float32)
    for quantized in (False, True):
        _assert_equal(lower(read_keras(model), integer_activations=quantized), model, images)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (keras.layers.Conv2D(4, 3, activation="gelu", name="c"), "activation of 'c' to be one of .*Received: gelu"),
        (keras.layers.Conv2D(3, 3, groups=3, name="c"), "`groups` of the layer 'c' to be 1. Received: 3"),
        (keras.layers.Conv2D(3, 3, dilation_rate=2, name="c"), r"`dilation_rate` of the layer 'c' to be \(1, 1\)"),
        (keras.layers.DepthwiseConv2D(3, depth_multiplier=2, name="c"), "`depth_multiplier` of the layer 'c' to be 1"),
        (keras.layers.ReLU(4, name="r"), "`max_value` of the layer 'r' to be None or 6. Received: 4"),
        (keras.layers.UpSampling2D(name="u"), "types .*Received: 'u' of type UpSampling2D"),
    ],
)
def test_layers_that_a_graph_does_not_have_are_named(layer: keras.layers.Layer, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_keras(_functional(layer))
