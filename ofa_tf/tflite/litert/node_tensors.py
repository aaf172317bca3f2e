"""Which tensor of a TFLite model holds the output of which node of the graph it was made from."""

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
    details = {int(tensor["index"]): tensor for tensor in interpreter.get_tensor_details()}
    (output,) = interpreter.get_output_details()  # which is called after the signature
    tensors: dict[str, list[dict[str, Any]]] = {}
    for operator in interpreter._get_ops_details():
        if operator["op_name"] == "DELEGATE":
            continue
        for index in map(int, operator["outputs"]):
            scopes = [part.split("/")[0] for part in details[index]["name"].split(";")]
            named = [scope for scope in scopes if scope in order]
            if index == output["index"]:
                named = [graph.nodes[-1].name]
            if named:
                tensors.setdefault(max(named, key=order.__getitem__), []).append(details[index])
    return tensors
