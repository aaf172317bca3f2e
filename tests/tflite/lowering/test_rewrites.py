"""Each rewrite computes what the Keras model computes, and does what it is for."""

import itertools
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.graph.graph import Graph
from ofa_tf.tflite.graph.keras_reader import read_keras
from ofa_tf.tflite.graph.tensorflow_runner import run_graph
from ofa_tf.tflite.lowering.lowerings import lower
from ofa_tf.tflite.lowering.rewrites import LOWERINGS
from tests.support.random_subnets import LARGE_KERNELS, random_subnet
from tests.support.spaces import BOTTLENECKS, SMALL


def _assert_equal(graph: Graph, model: keras.Model, images: np.ndarray) -> None:
    expected = np.asarray(model(images))
    np.testing.assert_allclose(run_graph(graph, tf.constant(images)), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("space", [LARGE_KERNELS, BOTTLENECKS], ids=lambda space: space.name)
def test_every_choice_of_rewrites_computes_what_the_model_computes(space: SearchSpace, seed: int) -> None:
    model, images = random_subnet(space, seed)
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
    model, _ = random_subnet(LARGE_KERNELS, 0)
    graph = read_keras(model)
    before, after = _operations(graph), _operations(lower(graph, integer_activations=True))
    for gone in ("batch_norm", "activation hard_swish", "activation hard_sigmoid"):
        assert before[gone] > 0
        assert after[gone] == 0
    assert after["scale"] == 0  # all are in some weights
    kernels = [node.kernel for node in lower(graph).nodes if node.op == "depthwise_conv2d"]
    assert max(kernel.shape[0] * kernel.shape[1] for kernel in kernels) <= 25


def test_hard_swish_stays_one_operator_in_float() -> None:
    graph = read_keras(random_subnet(SMALL, 0)[0])
    number = _operations(graph)["activation hard_swish"]
    assert number > 0
    assert _operations(lower(graph, integer_activations=False))["activation hard_swish"] == number
    assert _operations(lower(graph, ["hard_swish"], integer_activations=False))["activation hard_swish"] == 0
