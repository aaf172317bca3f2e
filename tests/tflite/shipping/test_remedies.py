import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.tflite.conversion.draft import Draft
from ofa_tf.tflite.conversion.to_tflite import make_draft
from ofa_tf.tflite.graph.graph import Graph, Node
from ofa_tf.tflite.graph.tensorflow_runner import run_all, run_graph
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.quantization.ranges import measure_ranges
from ofa_tf.tflite.shipping.layer_errors import LayerError, layer_errors
from ofa_tf.tflite.shipping.remedies import (
    apply_remedies,
    clip_ranges,
    equalize,
    keep_float,
    measure_bias_shifts,
    round_kernel,
)


@pytest.fixture(scope="module")
def draft(subnet: keras.Model, images: np.ndarray) -> Draft:
    return make_draft(subnet, "int8", [images])


def _with_uneven_channels(graph: Graph) -> Graph:
    """The same function, with channels up to 10,000 times as large as others before a depthwise convolution."""
    first, second = (graph.node(f"stage1_block1_{name}_bn") for name in ("expand", "depthwise"))
    assert first is not None
    assert second is not None
    factor = (10 ** np.random.default_rng(0).uniform(-2, 2, first.kernel.shape[-1])).astype(np.float32)

    def scale(node: Node) -> list[Node]:
        if node.name == first.name:
            return [node.with_weights(kernel=node.kernel * factor, bias=node.weights["bias"] * factor)]
        if node.name == second.name:
            return [node.with_weights(kernel=node.kernel / factor[:, np.newaxis])]
        return [node]

    return graph.map(scale)


def _error(draft: Draft, images: np.ndarray) -> float:
    """Of the int8 model, where the block with uneven channels ends."""
    errors = {entry.name: entry.error for entry in layer_errors(draft.graph, draft.convert(), images[:4])}
    return errors["stage1_block1_project_bn"]


def _redrawn(draft: Draft, graph: Graph, images: np.ndarray) -> Draft:
    return dataclasses.replace(draft, graph=graph, ranges=measure_ranges(graph, [images]))


def test_equalization_computes_the_same(draft: Draft, images: np.ndarray) -> None:
    for graph in (draft.graph, _with_uneven_channels(draft.graph)):
        expected = run_graph(graph, tf.constant(images)).numpy()
        actual = run_graph(equalize(graph, [images[:6], images[6:]]), tf.constant(images)).numpy()
        np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())


def test_dead_channels_are_left_alone(draft: Draft, images: np.ndarray) -> None:
    dead = ("stage1_block1_expand_bn", "stage1_block2_depthwise_bn", "stage2_block1_project_bn")

    def kill(node: Node) -> list[Node]:
        return (
            [node.with_weights(**{name: 0 * value for name, value in node.weights.items()})]
            if node.name in dead
            else [node]
        )

    graph = draft.graph.map(kill)
    evened = equalize(graph, [images])
    assert all(np.isfinite(value).all() for node in evened.nodes for value in node.weights.values())
    expected = run_graph(graph, tf.constant(images)).numpy()
    actual = run_graph(evened, tf.constant(images)).numpy()
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())


def test_equalization_evens_the_channels_out(draft: Draft, images: np.ndarray) -> None:
    uneven = _with_uneven_channels(draft.graph)
    name = "stage1_block1_expand_relu"
    spread = {}
    for kind, graph in (("before", uneven), ("after", equalize(uneven, [images]))):
        largest = np.abs(run_all(graph, tf.constant(images))[name].numpy()).max((0, 1, 2))
        spread[kind] = largest.max() / np.median(largest)
    assert spread["after"] < 0.25 * spread["before"]


def test_remedies_rescue_a_network_with_uneven_channels(draft: Draft, images: np.ndarray) -> None:
    uneven = _redrawn(draft, _with_uneven_channels(draft.graph), images)
    rescued = apply_remedies(uneven, [images], lambda changed: _error(changed, images))
    assert "channels equalized" in rescued.remedies
    assert _error(rescued, images) < 0.3 * _error(uneven, images)


def test_remedies_that_do_not_help_are_left_out(draft: Draft, images: np.ndarray) -> None:
    calls = iter(range(10))
    assert apply_remedies(draft, [images], lambda changed: float(next(calls))) is draft


def test_ranges_are_clipped_where_an_outlier_stretches_them(draft: Draft, images: np.ndarray) -> None:
    low, high = draft.ranges["stem_bn"]
    stretched = {**draft.ranges, "stem_bn": (3 * low, 3 * high)}
    clipped = clip_ranges(draft.graph, stretched, [images])
    assert clipped["stem_bn"][1] == pytest.approx(high, rel=0.35)
    assert all(0 >= clipped[name][0] >= stretched[name][0] for name in clipped)
    assert all(0 <= clipped[name][1] <= stretched[name][1] for name in clipped)


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
    draft = Draft(graph, "int8", ranges=measure_ranges(graph, [images]))
    corrected = dataclasses.replace(draft, bias_shifts=measure_bias_shifts(graph, [images]))
    errors = {}
    for kind, each in (("plain", draft), ("corrected", corrected)):
        for float_nodes in ((), ("conv",)):
            content = dataclasses.replace(each, float_nodes=float_nodes).convert()
            errors[kind, len(float_nodes)] = np.abs((TFLiteModel(content).predict(images) - exact).mean(0)).max()
    assert errors["corrected", 0] < 0.3 * errors["plain", 0]
    assert errors["corrected", 1] == errors["plain", 1] < errors["corrected", 0] + 0.5


def test_rounded_kernels_have_255_levels_a_channel(draft: Draft) -> None:
    for node in draft.graph.nodes:
        if node.op in ("conv2d", "depthwise_conv2d", "dense"):
            kernel, rounded = node.kernel, round_kernel(node)
            axis = kernel.ndim - (2 if node.op == "depthwise_conv2d" else 1)
            for before, after in zip(np.moveaxis(kernel, axis, 0), np.moveaxis(rounded, axis, 0), strict=True):
                step = np.abs(before).max() / 127
                assert np.abs(before - after).max() <= 0.501 * step
                np.testing.assert_allclose(after / step, np.rint(after / step), atol=1e-3)


def test_ever_more_layers_and_what_they_take_stay_float_the_worst_first(draft: Draft) -> None:
    names = [node.name for node in draft.graph.nodes]
    added = dict.fromkeys(names, 0.0) | {"stage1_block1_depthwise_bn": 0.4, "classifier": 0.3}
    drafts = list(keep_float(draft, [LayerError(name, 1.0, added[name]) for name in names]))
    assert len(drafts) == int(np.log2(len(names) / 4)) + 1
    first, second = (set(changed.float_nodes) for changed in drafts[:2])
    assert {"stage1_block1_depthwise_bn", "stage1_block1_expand_relu"} <= first
    assert "classifier" not in first
    assert first | {"classifier"} < second
    assert drafts[0].remedies == (f"{len(first)} of {len(names)} layers float",)


def test_a_convolution_that_is_fused_with_its_relu_stays_float_with_it(draft: Draft, images: np.ndarray) -> None:
    content = draft.convert()
    errors = [
        dataclasses.replace(entry, added=float(entry.name == "stage1_block1_expand_relu"))
        for entry in layer_errors(draft.graph, content, images[:1])
    ]
    assert "stage1_block1_expand_bn" not in {entry.name for entry in errors}  # the int8 model has no such tensor
    shifts = {node.name: np.full_like(node.bias, 100) for node in draft.graph.nodes if "kernel" in node.weights}
    first = next(keep_float(dataclasses.replace(draft, bias_shifts=shifts), errors))
    assert {"stage1_block1_expand_relu", "stage1_block1_expand_bn"} <= set(first.float_nodes)
    num_float = len(set(first.float_nodes) & {entry.name for entry in errors})
    assert first.remedies == (f"{num_float} of {len(errors)} layers float",)
    assert num_float < len(first.float_nodes)
    only = dataclasses.replace(first, bias_shifts={"stage1_block1_expand_bn": shifts["stage1_block1_expand_bn"]})
    plain = dataclasses.replace(first, bias_shifts={})
    assert only.convert() == plain.convert()


def test_the_input_keeps_its_type_when_the_first_layer_stays_float(draft: Draft, images: np.ndarray) -> None:
    errors = [
        dataclasses.replace(entry, added=float(entry.name == "stem_bn"))
        for entry in layer_errors(draft.graph, draft.convert(), images[:1])
    ]
    first = next(keep_float(draft, errors))
    assert "stem_bn" in first.float_nodes
    assert "images" not in first.float_nodes
    assert TFLiteModel(first.convert()).input_dtype == np.int8
