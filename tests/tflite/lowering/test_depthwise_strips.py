"""Large depthwise kernels in strips compute what the whole kernel computes."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.graph import INPUT, Graph, Node
from ofa_tf.tflite.graph.tensorflow_runner import run_graph
from ofa_tf.tflite.lowering.lowerings import lower


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


def test_an_uneven_padding_is_refused_rather_than_moved() -> None:
    kernel = np.zeros((7, 7, 3, 1), np.float32)
    node = Node("dw", "depthwise_conv2d", (INPUT,), {"stride": 2, "padding": "same"}, {"kernel": kernel})
    with pytest.raises(InputError, match=r"'dw' to be padded by a layer before it, as its stride is 2\. Received"):
        lower(Graph((8, 8, 3), (node,)), ["split_depthwise"])
