"""Which tensor of a TFLite model holds the output of which node of the graph it was made from."""

from collections.abc import Collection, Mapping
from typing import Any

from ofa_tf.tflite.graph.graph import Graph
from ofa_tf.tflite.graph.output_format import LOGITS
from ofa_tf.tflite.litert.output_operators import LAST_LAYER


def tensors_of_nodes(graph: Graph, interpreter: Any) -> dict[str, list[dict[str, Any]]]:
    """The tensors of each node that has some, as `get_tensor_details` describes them.

    The converter names a tensor after the operations that it fused,
    `node/Operation;other_node/Operation`: it holds the output of the last of them.
    A node of several operators has as many tensors, of which the last holds its output.

    Args:
        graph: What was converted.
        interpreter: LiteRT interpreter of the model.

    Returns:
        Details of tensors by the name of the node, the node's own output last.
    """
    order = {node.name: index for index, node in enumerate(graph.nodes)}
    details = {}
    for tensor in interpreter.get_tensor_details():
        details[int(tensor["index"])] = tensor
    last_layer = _last_layer(interpreter, details)

    tensors: dict[str, list[dict[str, Any]]] = {}
    for operator in interpreter._get_ops_details():
        if operator["op_name"] == "DELEGATE":
            continue
        for index in operator["outputs"]:
            tensor = details[int(index)]
            names = _nodes_in_name(tensor["name"], order)
            if index == last_layer:  # which is not called after a node
                names = [graph.nodes[-1].name]
            if names:
                last = max(names, key=order.__getitem__)
                tensors.setdefault(last, []).append(tensor)
    return tensors


def _last_layer(interpreter: Any, details: Mapping[int, dict[str, Any]]) -> int:
    """The tensor that the last layer makes: the model's output, or what operators behind the last layer take."""
    indices = {tensor["name"]: index for index, tensor in details.items()}
    for name in (LAST_LAYER, LOGITS):
        if name in indices:
            return indices[name]
    (output,) = interpreter.get_output_details()
    return int(output["index"])


def _nodes_in_name(tensor_name: str, known: Collection[str]) -> list[str]:
    """The nodes that a tensor is named after."""
    scopes = [operation.split("/")[0] for operation in tensor_name.split(";")]
    return [scope for scope in scopes if scope in known]
