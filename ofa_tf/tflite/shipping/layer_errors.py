"""Where a quantized model goes wrong: the error of each of its layers."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ofa_tf.tflite.graph.graph import Graph, Node
from ofa_tf.tflite.graph.tensorflow_runner import run_all
from ofa_tf.tflite.litert.interpreter import create_undelegated_interpreter, dequantize, quantize
from ofa_tf.tflite.litert.node_tensors import tensors_of_nodes

_SMALLEST_SQUARED_SIZE = 1e-30  # of an output that is 0 everywhere, so that nothing is divided by 0


@dataclasses.dataclass(frozen=True)
class LayerError:
    """How far the output of a layer is from that of the float network.

    Args:
        name: Name of the node, after its layer.
        error: Root mean square of the difference over that of the float output.
        added: What of it the layer added: the error less the largest of its
            inputs.
    """

    name: str
    error: float
    added: float


def layer_errors(graph: Graph, content: bytes, images: np.ndarray) -> list[LayerError]:
    """Compare every layer of a converted model with the graph it was made from.

    Args:
        graph: What was converted.
        content: Content of the `.tflite` file.
        images: Images as the graph takes them, `(n, height, width, channels)`.

    Returns:
        One entry for each node whose output the model still has, in the graph's
        order; operators that the converter fused count as the last of them.
    """
    interpreter = create_undelegated_interpreter(content)
    interpreter.allocate_tensors()
    tensors_by_node = tensors_of_nodes(graph, interpreter)
    tensors = {name: tensors[-1] for name, tensors in tensors_by_node.items()}

    squared_errors: dict[str, float] = {}
    squared_sizes: dict[str, float] = {}
    for image in images:
        expected = run_all(graph, tf.constant(image[np.newaxis]))
        _run(interpreter, image)
        for name, tensor in tensors.items():
            float_values = np.asarray(expected[name])
            values = dequantize(interpreter.get_tensor(tensor["index"]), tensor)
            if values.shape != float_values.shape:
                continue
            squared_error = float(np.square(values - float_values).sum())
            squared_size = float(np.square(float_values).sum())
            squared_errors[name] = squared_errors.get(name, 0.0) + squared_error
            squared_sizes[name] = squared_sizes.get(name, 0.0) + squared_size

    errors: dict[str, float] = {}
    for name, squared_error in squared_errors.items():
        squared_size = max(squared_sizes[name], _SMALLEST_SQUARED_SIZE)
        errors[name] = float(np.sqrt(squared_error / squared_size))
    return _in_order(graph, errors)


def _run(interpreter: Any, image: np.ndarray) -> None:
    (details,) = interpreter.get_input_details()
    interpreter.set_tensor(details["index"], quantize(image[np.newaxis], details))
    interpreter.invoke()


def _in_order(graph: Graph, errors: Mapping[str, float]) -> list[LayerError]:
    """The errors in the graph's order, with what each layer added."""
    found: list[LayerError] = []
    for node in graph.nodes:
        if node.name in errors:
            error = errors[node.name]
            added = error - _error_before(graph, node, errors)
            found.append(LayerError(node.name, error, added))
    return found


def _error_before(graph: Graph, node: Node, errors: Mapping[str, float]) -> float:
    """The largest error of what a node takes, seen through nodes that were fused away; 0 for the input."""
    largest = []
    for name in node.inputs:
        producer = graph.node(name)
        if name in errors:
            largest.append(errors[name])
        elif producer is None:
            largest.append(0.0)
        else:
            largest.append(_error_before(graph, producer, errors))
    return max(largest)
