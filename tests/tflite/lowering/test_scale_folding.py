"""Multiplications by a number go where they cost nothing."""

import numpy as np

from ofa_tf.tflite.graph.graph import INPUT, Graph, Node
from ofa_tf.tflite.graph.tensorflow_runner import run_graph
from ofa_tf.tflite.lowering.scale_folding import fold_scales


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
