"""Rewrites of an inference graph, each exact, into operators that LiteRT's kernels run well.

Which of them pay is up to the target, see `targets.py`. What each gains is measured
by `tools/bench_export.py`; figures are in docs/decisions/017-rewrites.md.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from ofa_tf.tflite.graph import nodes
from ofa_tf.tflite.graph.graph import Graph, Node
from ofa_tf.tflite.lowering.depthwise_strips import split_depthwise
from ofa_tf.tflite.lowering.scale_folding import fold_scales


def fold_batch_norm(graph: Graph) -> Graph:
    """Make batch normalization part of the convolution before it."""
    folded: dict[str, Node] = {}
    for node in graph.nodes:
        producer = graph.sole_producer(node.inputs[0])
        if node.op == "batch_norm" and producer is not None:
            folded[node.name] = _fold(node, producer)

    def replace(node: Node) -> list[Node]:
        return [folded.get(node.name, node)]

    return graph.map(replace)


def _fold(norm: Node, producer: Node) -> Node:
    """A convolution with the normalization that follows it."""
    scale = norm.weights["scale"].astype(np.float64)
    offset = norm.weights["offset"].astype(np.float64)
    bias = producer.bias * scale + offset
    folded = dataclasses.replace(producer, name=norm.name)
    folded = folded.scale_outputs(scale)
    return folded.with_weights(bias=bias.astype(np.float32))


def lower_hard_sigmoid(graph: Graph) -> Graph:
    """Make hard-sigmoid a ReLU6: the 3 becomes part of the bias before, the 1/6 of the weights behind."""
    biased = _sole_producers_of_hard_sigmoids(graph)

    def replace(node: Node) -> list[Node]:
        if node.name in biased:
            bias = node.bias + np.float32(3)
            return [node.with_weights(bias=bias)]
        if _is_activation(node, "hard_sigmoid"):
            return _hard_sigmoid_parts(node, is_shifted=node.inputs[0] in biased)
        return [node]

    return fold_scales(graph.map(replace))


def _sole_producers_of_hard_sigmoids(graph: Graph) -> set[str]:
    """The names of convolutions whose output nothing but a hard-sigmoid takes."""
    names: set[str] = set()
    for node in graph.nodes:
        if not _is_activation(node, "hard_sigmoid"):
            continue
        producer = graph.sole_producer(node.inputs[0])
        if producer is not None:
            names.add(producer.name)
    return names


def _hard_sigmoid_parts(node: Node, is_shifted: bool) -> list[Node]:
    """Hard-sigmoid as relu6(x + 3) / 6; what it takes may have the 3 already."""
    (x,) = node.inputs
    parts: list[Node] = []
    if not is_shifted:
        parts.append(nodes.add_constant(f"{node.name}_shift", x, np.float32(3)))
        x = parts[-1].name
    relu6 = nodes.activation(f"{node.name}_relu6", x, "relu6")
    sixth = nodes.scale(node.name, relu6.name, 1 / 6)
    return [*parts, relu6, sixth]


def lower_hard_swish(graph: Graph) -> Graph:
    """Make hard-swish x * relu6(x + 3), whose 1/6 becomes part of the weights behind."""

    def replace(node: Node) -> list[Node]:
        if _is_activation(node, "hard_swish"):
            return _hard_swish_parts(node)
        return [node]

    return fold_scales(graph.map(replace))


def _hard_swish_parts(node: Node) -> list[Node]:
    (x,) = node.inputs
    shift = nodes.add_constant(f"{node.name}_shift", x, np.float32(3))
    relu6 = nodes.activation(f"{node.name}_relu6", shift.name, "relu6")
    product = nodes.multiply(f"{node.name}_product", x, relu6.name)
    sixth = nodes.scale(node.name, product.name, 1 / 6)
    return [shift, relu6, product, sixth]


def split_into_operators(graph: Graph) -> Graph:
    """Write out each node that becomes several operators, as integer models need a range for the output of each."""

    def replace(node: Node) -> list[Node]:
        if _is_activation(node, "hard_sigmoid"):
            return _hard_sigmoid_parts(node, is_shifted=False)
        if node.op == "batch_norm":
            return _batch_norm_parts(node)
        return [node]

    return graph.map(replace)


def _batch_norm_parts(node: Node) -> list[Node]:
    (x,) = node.inputs
    scaled = nodes.scale(f"{node.name}_scaled", x, node.weights["scale"])
    shifted = nodes.add_constant(node.name, scaled.name, node.weights["offset"])
    return [scaled, shifted]


def _is_activation(node: Node, function: str) -> bool:
    return node.op == "activation" and node.attributes["function"] == function


LOWERINGS: dict[str, Callable[[Graph], Graph]] = {
    "fold_batch_norm": fold_batch_norm,
    "hard_sigmoid": lower_hard_sigmoid,
    "hard_swish": lower_hard_swish,
    "split_depthwise": split_depthwise,
}
