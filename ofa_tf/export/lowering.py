"""Rewrites of an inference graph, each exact, into operators that LiteRT's CPU kernels run well.

What each gains is measured by `tools/bench_export.py`; the figures are in BUILD_NOTES.md.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from ofa_tf.errors import InputError
from ofa_tf.export.graph import Graph, Node

Padding = tuple[tuple[int, int], tuple[int, int]]  # (top, bottom), (left, right)

_MAX_TAPS = 25  # of XNNPACK's depthwise kernels; larger windows take a path that is many times slower
_LINEAR = ("conv2d", "depthwise_conv2d", "dense")
_COMMUTES_WITH_SCALE = ("mean", "pad", "crop", "average_pool")


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
        producer = _producer(graph, node.inputs[0])
        if node.op == "batch_norm" and producer is not None:
            folded[node.name] = _fold(node, producer)
    return graph.map(lambda node: [folded.get(node.name, node)])


def _fold(norm: Node, producer: Node) -> Node:
    scale, offset = (norm.weights[name].astype(np.float64) for name in ("scale", "offset"))
    # The output channels are the last axis of a kernel, but the one before it of a depthwise kernel.
    kernel = producer.kernel * (scale[:, np.newaxis] if producer.op == "depthwise_conv2d" else scale)
    bias = producer.weights.get("bias", 0.0) * scale + offset
    folded = dataclasses.replace(producer, name=norm.name)
    return folded.with_weights(kernel=kernel.astype(np.float32), bias=bias.astype(np.float32))


def lower_hard_sigmoid(graph: Graph) -> Graph:
    """Make hard-sigmoid a ReLU6: the 3 becomes part of the bias before, the 1/6 of the weights behind."""
    biased = {
        node.inputs[0]
        for node in graph.nodes
        if _is_activation(node, "hard_sigmoid") and _producer(graph, node.inputs[0]) is not None
    }

    def replace(node: Node) -> list[Node]:
        if node.name in biased:
            return [node.with_weights(bias=node.weights.get("bias", np.zeros(_out_channels(node))) + np.float32(3))]
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
        if consumer.op in _LINEAR:
            kernel = (consumer.kernel * factor.reshape(-1, 1)).astype(np.float32)  # its input channels
            changed[consumer.name] = [dataclasses.replace(consumer, inputs=inputs).with_weights(kernel=kernel)]
        elif consumer.op == "scale":
            product = {"factor": factor * consumer.attributes["factor"]}
            changed[consumer.name] = [dataclasses.replace(consumer, inputs=inputs, attributes=product)]
        elif _commutes(consumer, is_scalar=factor.ndim == 0):
            changed[consumer.name] = behind
        elif factor.ndim == 0 and consumer.op == "add" and others:
            other = _producer(graph, others[0], (*_LINEAR, "batch_norm"))
            if other is not None:
                scaled = {name: (values / factor).astype(np.float32) for name, values in other.weights.items()}
                changed = {other.name: [other.with_weights(**scaled)], consumer.name: behind}
        if changed:
            return graph.map(lambda node: changed.get(node.name, [node]))  # noqa: B023 (called at once)
    return None


def _commutes(node: Node, is_scalar: bool) -> bool:
    """Whether an operation on one scaled input is the scaled operation."""
    if node.op == "multiply":
        return len(set(node.inputs)) == 2
    return node.op in _COMMUTES_WITH_SCALE or (node.op == "flatten" and is_scalar)


def split_depthwise(graph: Graph) -> Graph:
    """Make a depthwise convolution of more than 25 taps a sum of several, each over some of its rows.

    Taps that see nothing but padding, as those of a 7x7 kernel on a 3x3 image, are left out.
    """
    sizes = graph.sizes()

    def replace(node: Node) -> list[Node]:
        if node.op != "depthwise_conv2d" or math.prod(node.kernel.shape[:2]) <= _MAX_TAPS:
            return [node]
        source, padding = _padding(graph, node)
        node, padding = _trim(node, padding, sizes[source])
        return _split(node, source, padding)

    return graph.map(replace)


def _trim(node: Node, padding: Padding, sizes: tuple[int | None, ...]) -> tuple[Node, Padding]:
    """Cut off the outer rows and columns of a centered kernel that never reach into the image."""
    kernel, trimmed = node.kernel, []
    for axis, ((before, after), size) in enumerate(zip(padding, sizes, strict=True)):
        cut = 0
        if size is not None and before == after and kernel.shape[axis] == 2 * before + 1:
            cut = max(0, before - (size - 1))
        kernel = np.take(kernel, range(cut, kernel.shape[axis] - cut), axis)
        trimmed.append((before - cut, after - cut))
    return node.with_weights(kernel=kernel), (trimmed[0], trimmed[1])


def _padding(graph: Graph, node: Node) -> tuple[str, Padding]:
    """What a convolution takes before it is padded, and the padding."""
    if node.attributes["padding"] == "same":
        height, width = (size // 2 for size in node.kernel.shape[:2])
        if node.attributes["stride"] > 1:
            raise InputError(
                f"Expected {node.name!r} to be padded by a layer before it, as its stride is "
                f"{node.attributes['stride']}. Received: padding='same', which is uneven. Leave split_depthwise out."
            )
        return node.inputs[0], ((height, height), (width, width))
    producer = graph.node(node.inputs[0])
    if producer is not None and producer.op == "pad":
        return producer.inputs[0], producer.attributes["padding"]
    return node.inputs[0], ((0, 0), (0, 0))


def _split(node: Node, source: str, padding: Padding) -> list[Node]:
    """Strips of rows of the kernel; each sees the image moved by padding one end and cropping the other."""
    height, width = node.kernel.shape[:2]
    (top, bottom), columns = padding
    num_rows = max(1, _MAX_TAPS // width)
    starts = range(0, height, num_rows)
    nodes: list[Node] = []
    total = ""
    for start in starts:
        kernel = node.kernel[start : start + num_rows]
        name, x = f"{node.name}_rows{start}" if len(starts) > 1 else node.name, source
        rows = (top - start, bottom - (height - start - len(kernel)))  # negative: to be cropped
        if min(rows) < 0:
            cropping = (tuple(max(0, -count) for count in rows), (0, 0))
            nodes.append(Node(f"{name}_crop", "crop", (x,), {"cropping": cropping}))
            x = nodes[-1].name
        if max(*rows, *columns) > 0:
            padded = (tuple(max(0, count) for count in rows), columns)
            nodes.append(Node(f"{name}_pad", "pad", (x,), {"padding": padded}))
            x = nodes[-1].name
        weights = {"kernel": kernel}
        if start == 0 and "bias" in node.weights:
            weights["bias"] = node.weights["bias"]
        attributes = {"stride": node.attributes["stride"], "padding": "valid"}
        nodes.append(Node(name, "depthwise_conv2d", (x,), attributes, weights))
        if total:
            nodes.append(Node(node.name if start == starts[-1] else f"{name}_sum", "add", (total, name)))
        total = nodes[-1].name
    return nodes


def _is_activation(node: Node, function: str) -> bool:
    return node.op == "activation" and node.attributes["function"] == function


def _add_three(node: Node) -> Node:
    return Node(f"{node.name}_shift", "add_constant", node.inputs, {}, {"constant": np.float32(3)})


def _producer(graph: Graph, name: str, operations: tuple[str, ...] = _LINEAR) -> Node | None:
    """The node of a name, if it is one of these operations and nobody else takes its output."""
    node = graph.node(name)
    is_one = node is not None and node.op in operations and len(graph.consumers(name)) == 1
    return node if is_one else None


def _out_channels(node: Node) -> int:
    return node.kernel.shape[2 if node.op == "depthwise_conv2d" else -1]


LOWERINGS: dict[str, Callable[[Graph], Graph]] = {
    "fold_batch_norm": fold_batch_norm,
    "hard_sigmoid": lower_hard_sigmoid,
    "hard_swish": lower_hard_swish,
    "split_depthwise": split_depthwise,
}
FOR_INT8_ONLY = ("hard_swish",)
