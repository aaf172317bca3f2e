"""Rewrites of an inference graph, each exact, into operators that LiteRT's CPU kernels run well.

What each gains is measured by `tools/bench_export.py`; the figures are in BUILD_NOTES.md.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.graph import Graph, Node
from ofa_tf.tflite.lowering.depthwise_strips import split_depthwise
from ofa_tf.tflite.lowering.scale_folding import fold_scales


def lower(graph: Graph, names: str | Sequence[str] = "all", quantized: bool = False) -> Graph:
    """Apply rewrites, in the order of `LOWERINGS`.

    Args:
        graph: What to rewrite.
        names: Names of rewrites; `"all"`: those that pay for the precision;
            `"none"`: no rewrite.
        quantized: Whether activations will be int8. Hard-swish is fastest as one
            operator in float, and in parts in int8.

    Returns:
        A graph of the same function.

    Raises:
        InputError: If a name is unknown.
    """
    for name in choose_lowerings(names, quantized):
        graph = LOWERINGS[name](graph)
    return graph


def choose_lowerings(names: str | Sequence[str], quantized: bool) -> tuple[str, ...]:
    """The names of the rewrites that some names stand for, in the order in which they work.

    Raises:
        InputError: If a name is unknown, or `"all"` or `"none"` is not the only one.
    """
    names = [names] if isinstance(names, str) else list(names)
    valid = ["all", "none", *LOWERINGS]
    unknown = [name for name in names if name not in valid]
    if unknown:
        raise InputError(f"Expected `lowering` to be of {valid}. Received: {unknown[0]!r}.")
    if len(names) > 1 and {"all", "none"} & set(names):
        raise InputError(f"Expected `lowering` to be all, none or a list of others. Received: {','.join(names)}.")
    if names == ["none"]:
        return ()
    if names == ["all"]:
        names = [name for name in LOWERINGS if quantized or name not in FOR_INT8_ONLY]
    return tuple(name for name in LOWERINGS if name in names)


def fold_batch_norm(graph: Graph) -> Graph:
    """Make batch normalization part of the convolution before it."""
    folded: dict[str, Node] = {}
    for node in graph.nodes:
        producer = graph.sole_producer(node.inputs[0])
        if node.op == "batch_norm" and producer is not None:
            folded[node.name] = _fold(node, producer)
    return graph.map(lambda node: [folded.get(node.name, node)])


def _fold(norm: Node, producer: Node) -> Node:
    scale, offset = (norm.weights[name].astype(np.float64) for name in ("scale", "offset"))
    bias = producer.bias * scale + offset
    folded = dataclasses.replace(producer, name=norm.name).scale_outputs(scale)
    return folded.with_weights(bias=bias.astype(np.float32))


def lower_hard_sigmoid(graph: Graph) -> Graph:
    """Make hard-sigmoid a ReLU6: the 3 becomes part of the bias before, the 1/6 of the weights behind."""
    biased = {
        node.inputs[0]
        for node in graph.nodes
        if _is_activation(node, "hard_sigmoid") and graph.sole_producer(node.inputs[0]) is not None
    }

    def replace(node: Node) -> list[Node]:
        if node.name in biased:
            return [node.with_weights(bias=node.bias + np.float32(3))]
        if not _is_activation(node, "hard_sigmoid"):
            return [node]
        return _hard_sigmoid_parts(node, is_shifted=node.inputs[0] in biased)

    return fold_scales(graph.map(replace))


def _hard_sigmoid_parts(node: Node, is_shifted: bool) -> list[Node]:
    shift = [] if is_shifted else [_add_three(node)]
    shifted = shift[0].name if shift else node.inputs[0]
    relu6 = Node(f"{node.name}_relu6", "activation", (shifted,), {"function": "relu6"})
    return [*shift, relu6, Node(node.name, "scale", (relu6.name,), {"factor": 1 / 6})]


def one_operator_a_node(graph: Graph) -> Graph:
    """Write out what becomes several operators, as integer models need a range for the output of each."""

    def replace(node: Node) -> list[Node]:
        if _is_activation(node, "hard_sigmoid"):
            return _hard_sigmoid_parts(node, is_shifted=False)
        if node.op == "batch_norm":
            scaled = Node(f"{node.name}_scaled", "scale", node.inputs, {"factor": node.weights["scale"]})
            return [scaled, Node(node.name, "add_constant", (scaled.name,), {}, {"constant": node.weights["offset"]})]
        return [node]

    return graph.map(replace)


def lower_hard_swish(graph: Graph) -> Graph:
    """Make hard-swish x * relu6(x + 3), whose 1/6 becomes part of the weights behind."""

    def replace(node: Node) -> list[Node]:
        if not _is_activation(node, "hard_swish"):
            return [node]
        shifted = _add_three(node)
        relu6 = Node(f"{node.name}_relu6", "activation", (shifted.name,), {"function": "relu6"})
        product = Node(f"{node.name}_product", "multiply", (node.inputs[0], relu6.name))
        return [shifted, relu6, product, Node(node.name, "scale", (product.name,), {"factor": 1 / 6})]

    return fold_scales(graph.map(replace))


def _is_activation(node: Node, function: str) -> bool:
    return node.op == "activation" and node.attributes["function"] == function


def _add_three(node: Node) -> Node:
    return Node(f"{node.name}_shift", "add_constant", node.inputs, {}, {"constant": np.float32(3)})


LOWERINGS: dict[str, Callable[[Graph], Graph]] = {
    "fold_batch_norm": fold_batch_norm,
    "hard_sigmoid": lower_hard_sigmoid,
    "hard_swish": lower_hard_swish,
    "split_depthwise": split_depthwise,
}
FOR_INT8_ONLY = ("hard_swish",)
