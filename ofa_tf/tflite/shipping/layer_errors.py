"""Where a quantized model goes wrong: the error of each of its layers."""

import dataclasses

import numpy as np
import tensorflow as tf

from ofa_tf.tflite.graph.graph import Graph
from ofa_tf.tflite.graph.tensorflow_runner import run_all
from ofa_tf.tflite.litert.interpreter import create_plain_interpreter, dequantize, quantize
from ofa_tf.tflite.litert.node_tensors import tensors_of_nodes


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
    differences: dict[str, float] = {}
    sizes: dict[str, float] = {}
    interpreter = create_plain_interpreter(content)
    interpreter.allocate_tensors()
    tensors = {name: details[-1] for name, details in tensors_of_nodes(graph, interpreter).items()}
    for image in images:
        expected = run_all(graph, tf.constant(image[np.newaxis]))
        (details,) = interpreter.get_input_details()
        interpreter.set_tensor(details["index"], quantize(image[np.newaxis], details))
        interpreter.invoke()
        for name, tensor in tensors.items():
            float_values = np.asarray(expected[name])
            values = dequantize(interpreter.get_tensor(tensor["index"]), tensor)
            if values.shape == float_values.shape:
                differences[name] = differences.get(name, 0.0) + float(np.square(values - float_values).sum())
                sizes[name] = sizes.get(name, 0.0) + float(np.square(float_values).sum())
    errors = {name: float(np.sqrt(differences[name] / max(sizes[name], 1e-30))) for name in differences}
    return [
        LayerError(name, errors[name], errors[name] - _error_before(graph, name, errors))
        for name in (node.name for node in graph.nodes)
        if name in errors
    ]


def _error_before(graph: Graph, name: str, errors: dict[str, float]) -> float:
    """The largest error of what a node takes, seen through nodes that were fused away."""
    node = graph.node(name)
    if node is None:
        return 0.0
    return max(errors[before] if before in errors else _error_before(graph, before, errors) for before in node.inputs)
