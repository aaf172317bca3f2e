"""Which tensor of a TFLite model holds the output of which node of the graph it was made from."""

from collections.abc import Collection
from typing import Any

from ofa_tf.tflite.graph.graph import Graph


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
    (output,) = interpreter.get_output_details()

    tensors: dict[str, list[dict[str, Any]]] = {}
    for operator in interpreter._get_ops_details():
        if operator["op_name"] == "DELEGATE":
            continue
        for index in operator["outputs"]:
            tensor = details[int(index)]
            names = _nodes_in_name(tensor["name"], order)
            if index == output["index"]:  # which is called after the signature
                names = [graph.nodes[-1].name]
            if names:
                last = max(names, key=order.__getitem__)
                tensors.setdefault(last, []).append(tensor)
    return tensors


def _nodes_in_name(tensor_name: str, known: Collection[str]) -> list[str]:
    """The nodes that a tensor is named after."""
    scopes = [operation.split("/")[0] for operation in tensor_name.split(";")]
    return [scope for scope in scopes if scope in known]
