"""Where a quantized model goes wrong: the error of each of its layers."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from ofa_tf.export.graph import Graph
from ofa_tf.export.graph_function import run_all
from ofa_tf.export.inference import dequantize, quantize


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
    interpreter = _create_plain_interpreter(content)
    tensors = _tensors_of_nodes(graph, interpreter)
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


def _create_plain_interpreter(content: bytes) -> Any:
    """One without a delegate, that keeps every tensor."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    return interpreter


def _tensors_of_nodes(graph: Graph, interpreter: Any) -> dict[str, Any]:
    """The tensor of each node that has one: its name lists the operations that were fused, `node/Operation;...`."""
    order = {node.name: index for index, node in enumerate(graph.nodes)}
    produced = {int(index) for operator in interpreter._get_ops_details() for index in operator["outputs"]}
    tensors = {}
    for tensor in interpreter.get_tensor_details():
        scopes = [part.split("/")[0] for part in tensor["name"].split(";")]
        named = [scope for scope in scopes if scope in order]
        if int(tensor["index"]) in produced and named:
            tensors[max(named, key=order.__getitem__)] = tensor
    (output,) = interpreter.get_output_details()  # which is called after the signature
    return {**tensors, graph.nodes[-1].name: output}
