import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.tflite.conversion.keras_to_tflite import prepare_conversion
from ofa_tf.tflite.graph.graph import Graph, Node
from ofa_tf.tflite.graph.tensorflow_runner import run_all, run_graph
from ofa_tf.tflite.quantization.equalization import equalize
from tests.support.uneven_channels import with_uneven_channels


@pytest.fixture(scope="module")
def graph(subnet: keras.Model, images: np.ndarray) -> Graph:
    return prepare_conversion(subnet, "int8", [images]).graph


def test_equalization_computes_the_same(graph: Graph, images: np.ndarray) -> None:
    for before in (graph, with_uneven_channels(graph)):
        expected = run_graph(before, tf.constant(images)).numpy()
        actual = run_graph(equalize(before, [images[:6], images[6:]]), tf.constant(images)).numpy()
        np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())


def test_dead_channels_are_left_alone(graph: Graph, images: np.ndarray) -> None:
    dead = ("stage1_block1_expand_bn", "stage1_block2_depthwise_bn", "stage2_block1_project_bn")

    def kill(node: Node) -> list[Node]:
        return (
            [node.with_weights(**{name: 0 * value for name, value in node.weights.items()})]
            if node.name in dead
            else [node]
        )

    graph = graph.map(kill)
    evened = equalize(graph, [images])
    assert all(np.isfinite(value).all() for node in evened.nodes for value in node.weights.values())
    expected = run_graph(graph, tf.constant(images)).numpy()
    actual = run_graph(evened, tf.constant(images)).numpy()
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())


def test_equalization_evens_the_channels_out(graph: Graph, images: np.ndarray) -> None:
    uneven = with_uneven_channels(graph)
    name = "stage1_block1_expand_relu"
    spread = {}
    for kind, each in (("before", uneven), ("after", equalize(uneven, [images]))):
        largest = np.abs(run_all(each, tf.constant(images))[name].numpy()).max((0, 1, 2))
        spread[kind] = largest.max() / np.median(largest)
    assert spread["after"] < 0.25 * spread["before"]
