"""Moving multiplications of a graph by a number to where they cost nothing: into weights.

A `scale` node multiplies by one number, or by one a channel. It is pushed over what
comes behind it, towards the output, until some weights take it in.
"""

import dataclasses

import numpy as np

from ofa_tf.tflite.graph import nodes
from ofa_tf.tflite.graph.graph import LINEAR, Graph, Node

_COMMUTES_WITH_SCALE = ("mean", "pad", "crop", "average_pool")

_Changes = dict[str, list[Node]]  # what replaces a node, by its name


def fold_scales(graph: Graph) -> Graph:
    """Move multiplications by a number towards the output, into the next weights where there are some."""
    moved: Graph | None = graph
    while moved is not None:
        graph = moved
        moved = _move_first_scale(graph)
    return graph


def _move_first_scale(graph: Graph) -> Graph | None:
    """The graph with the first scale that can be moved behind, or into, a consumer; `None` if all stay."""
    for scale in graph.nodes:
        if scale.op != "scale":
            continue
        for consumer in graph.consumers(scale.name):
            changes = _move_over(graph, scale, consumer)
            if changes:
                return _apply(graph, changes)
    return None


def _apply(graph: Graph, changes: _Changes) -> Graph:
    def replace(node: Node) -> list[Node]:
        return changes.get(node.name, [node])

    return graph.map(replace)


def _move_over(graph: Graph, scale: Node, consumer: Node) -> _Changes:
    """What changes if a scale is moved over one of its consumers; nothing if it cannot be."""
    factor = np.asarray(scale.attributes["factor"])
    is_scalar = factor.ndim == 0
    unscaled = _bypass(consumer, scale)
    if consumer.op in LINEAR:
        return {consumer.name: [unscaled.scale_inputs(factor)]}
    if consumer.op == "scale":
        product = {"factor": factor * consumer.attributes["factor"]}
        merged = dataclasses.replace(unscaled, attributes=product)
        return {consumer.name: [merged]}
    if _commutes(graph, consumer, is_scalar):
        return {consumer.name: _put_behind(unscaled, factor)}
    if consumer.op == "add" and is_scalar:
        return _move_over_sum(graph, scale, consumer)
    return {}


def _move_over_sum(graph: Graph, scale: Node, total: Node) -> _Changes:
    """A sum can be scaled as a whole where the weights of the other summand can be divided by the factor."""
    others = [name for name in total.inputs if name != scale.name]
    if not others:
        return {}
    other = graph.sole_producer(others[0], (*LINEAR, "batch_norm"))
    if other is None:
        return {}

    factor = np.asarray(scale.attributes["factor"])
    divided: dict[str, np.ndarray] = {}
    for name, values in other.weights.items():
        divided[name] = (values / factor).astype(np.float32)

    return {
        other.name: [other.with_weights(**divided)],
        total.name: _put_behind(_bypass(total, scale), factor),
    }


def _bypass(consumer: Node, scale: Node) -> Node:
    """The consumer of a scale taking what the scale takes."""
    (source,) = scale.inputs
    inputs = tuple(source if name == scale.name else name for name in consumer.inputs)
    return dataclasses.replace(consumer, inputs=inputs)


def _put_behind(unscaled: Node, factor: np.ndarray) -> list[Node]:
    """A node with a scale behind it; the result has the node's name."""
    renamed = dataclasses.replace(unscaled, name=f"{unscaled.name}_unscaled")
    return [renamed, nodes.scale(unscaled.name, renamed.name, factor)]


def _commutes(graph: Graph, node: Node, is_scalar: bool) -> bool:
    """Whether an operation on one scaled input is the scaled operation."""
    if node.op == "multiply":
        return len(set(node.inputs)) == 2
    if node.op == "flatten":
        # Behind the last node there are no weights to take the factor.
        return is_scalar and bool(graph.consumers(node.name))
    return node.op in _COMMUTES_WITH_SCALE
