"""Depthwise convolutions with kernels that XNNPACK has no fast path for, as sums of smaller ones."""

import math

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.graph import Graph, Node

Padding = tuple[tuple[int, int], tuple[int, int]]  # (top, bottom), (left, right)

_MAX_TAPS = 25  # of XNNPACK's depthwise kernels; larger windows take a path that is many times slower


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
        if node.attributes["stride"] > 1:
            raise InputError(
                f"Expected {node.name!r} to be padded by a layer before it, as its stride is "
                f"{node.attributes['stride']}. Received: padding='same', which is uneven. Leave split_depthwise out."
            )
        rows, columns = (((size - 1) // 2, size // 2) for size in node.kernel.shape[:2])  # as TensorFlow pads
        return node.inputs[0], (rows, columns)
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
