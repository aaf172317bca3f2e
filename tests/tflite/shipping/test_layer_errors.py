import keras
import numpy as np
import pytest

from ofa_tf.tflite.conversion.converter import convert_float_graph
from ofa_tf.tflite.conversion.keras_to_tflite import prepare_conversion, to_tflite
from ofa_tf.tflite.graph.graph import Graph, Node
from ofa_tf.tflite.shipping.layer_errors import layer_errors


@pytest.fixture(scope="module")
def graph(subnet: keras.Model, images: np.ndarray) -> Graph:
    return prepare_conversion(subnet, "int8", [images]).graph


def test_every_layer_of_a_float_model_is_right(graph: Graph, images: np.ndarray) -> None:
    errors = layer_errors(graph, convert_float_graph(graph), images[:2])
    assert len(errors) > len(graph.nodes) / 2  # the others were fused away
    assert {"stem_bn", "stage3_block2_project_bn", "classifier"} <= {entry.name for entry in errors}
    assert max(entry.error for entry in errors) < 1e-4


def test_quantization_errs_a_little_everywhere(graph: Graph, subnet: keras.Model, images: np.ndarray) -> None:
    errors = layer_errors(graph, to_tflite(subnet, "int8", [images]), images[:2])
    assert all(0 < entry.error < 0.5 for entry in errors)


def test_the_layer_that_errs_is_found(graph: Graph, images: np.ndarray) -> None:
    spoiled = "stage2_block1_project_bn"

    def spoil(node: Node) -> list[Node]:
        return [node.with_weights(kernel=node.kernel[..., ::-1]) if node.name == spoiled else node]

    errors = layer_errors(graph, convert_float_graph(graph.map(spoil)), images[:2])
    before = errors[: [entry.name for entry in errors].index(spoiled)]
    assert max(entry.error for entry in before) < 1e-4
    assert max(errors, key=lambda entry: entry.added).name == spoiled
