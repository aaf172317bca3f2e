"""Moving multiplications of a graph by a number to where they cost nothing."""

import dataclasses

import numpy as np

from ofa_tf.tflite.graph.graph import LINEAR, Graph, Node

_COMMUTES_WITH_SCALE = ("mean", "pad", "crop", "average_pool")


def fold_scales(graph: Graph) -> Graph:
    """Move multiplications by a number towards the output, into the next weights where there are some."""
    while True:
        for node in graph.nodes:
            if node.op == "scale" and (moved := _move_scale(graph, node)) is not None:
                graph = moved
                break
        else:
            return graph


def _move_scale(graph: Graph, scale: Node) -> Graph | None:
    """The graph with a scale moved behind, or into, one of its consumers; `None` if it stays."""
    factor = np.asarray(scale.attributes["factor"])
    for consumer in graph.consumers(scale.name):
        inputs = tuple(scale.inputs[0] if name == scale.name else name for name in consumer.inputs)
        others = [name for name in consumer.inputs if name != scale.name]
        unscaled = dataclasses.replace(consumer, name=f"{consumer.name}_unscaled", inputs=inputs)
        behind = [unscaled, Node(consumer.name, "scale", (unscaled.name,), {"factor": factor})]
        changed: dict[str, list[Node]] = {}
        if consumer.op in LINEAR:
            changed[consumer.name] = [dataclasses.replace(consumer, inputs=inputs).scale_inputs(factor)]
        elif consumer.op == "scale":
            product = {"factor": factor * consumer.attributes["factor"]}
            changed[consumer.name] = [dataclasses.replace(consumer, inputs=inputs, attributes=product)]
        elif _commutes(graph, consumer, is_scalar=factor.ndim == 0):
            changed[consumer.name] = behind
        elif factor.ndim == 0 and consumer.op == "add" and others:
            other = graph.sole_producer(others[0], (*LINEAR, "batch_norm"))
            if other is not None:
                scaled = {name: (values / factor).astype(np.float32) for name, values in other.weights.items()}
                changed = {other.name: [other.with_weights(**scaled)], consumer.name: behind}
        if changed:
            return graph.map(lambda node: changed.get(node.name, [node]))  # noqa: B023 (called at once)
    return None


def _commutes(graph: Graph, node: Node, is_scalar: bool) -> bool:
    """Whether an operation on one scaled input is the scaled operation."""
    if node.op == "multiply":
        return len(set(node.inputs)) == 2
    if node.op == "flatten":  # behind the last one, there are no weights to take it
        return is_scalar and bool(graph.consumers(node.name))
    return node.op in _COMMUTES_WITH_SCALE
