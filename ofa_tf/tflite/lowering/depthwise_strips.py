"""Depthwise convolutions with kernels that XNNPACK has no fast path for, as sums of smaller ones.

A kernel of 7x7 taps is cut into strips of rows, such as 3 + 3 + 1. Each strip is a
convolution of its own, on the image moved up or down by the rows before it; the
sum of their outputs is the output of the whole kernel.
"""

import math

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph import nodes
from ofa_tf.tflite.graph.graph import Graph, Node
from ofa_tf.tflite.graph.nodes import Borders

_MAX_TAPS = 25  # of XNNPACK's depthwise kernels; larger windows take a path that is many times slower


def split_depthwise(graph: Graph) -> Graph:
    """Make a depthwise convolution of more than 25 taps a sum of several, each over some of its rows.

    Taps that see nothing but padding, as those of a 7x7 kernel on a 3x3 image, are left out.
    """
    sizes = graph.sizes()

    def replace(node: Node) -> list[Node]:
        if node.op != "depthwise_conv2d":
            return [node]
        num_taps = math.prod(node.kernel.shape[:2])
        if num_taps <= _MAX_TAPS:
            return [node]
        source, padding = _padding(graph, node)
        trimmed, padding = _trim(node, padding, sizes[source])
        return _split(trimmed, source, padding)

    return graph.map(replace)


def _padding(graph: Graph, node: Node) -> tuple[str, Borders]:
    """What a convolution takes before it is padded, and the padding."""
    source = node.inputs[0]
    if node.attributes["padding"] == "same":
        return source, _same_padding(node)
    producer = graph.node(source)
    if producer is not None and producer.op == "pad":
        return producer.inputs[0], producer.attributes["padding"]
    return source, ((0, 0), (0, 0))


def _same_padding(node: Node) -> Borders:
    stride = node.attributes["stride"]
    if stride > 1:
        raise InputError(
            f"Expected {node.name!r} to be padded by a layer before it, as its stride is {stride}. "
            "Received: padding='same', which is uneven. Leave split_depthwise out."
        )
    height, width = node.kernel.shape[:2]
    return _same_border(height), _same_border(width)


def _same_border(length: int) -> tuple[int, int]:
    """What is padded before and behind, for one output per input; TensorFlow puts the odd one behind."""
    return (length - 1) // 2, length // 2


def _trim(
    node: Node,
    padding: Borders,
    sizes: tuple[int | None, ...],
) -> tuple[Node, Borders]:
    """Cut off the outer rows and columns of a centered kernel that never reach into the image.

    Args:
        node: The convolution.
        padding: What is put around the image.
        sizes: Height and width of the image; `None` where they are open.

    Returns:
        The convolution with the smaller kernel, and the smaller padding.
    """
    kernel = node.kernel
    trimmed: list[tuple[int, int]] = []
    for axis, size in enumerate(sizes):
        before, after = padding[axis]
        length = kernel.shape[axis]
        is_centered = before == after and length == 2 * before + 1
        cut = 0
        if size is not None and is_centered:
            cut = max(0, before - (size - 1))
        kernel = np.take(kernel, range(cut, length - cut), axis)
        trimmed.append((before - cut, after - cut))
    rows, columns = trimmed
    return node.with_weights(kernel=kernel), (rows, columns)


def _split(node: Node, source: str, padding: Borders) -> list[Node]:
    """Strips of rows of the kernel and the sum of their outputs; the last node keeps the name."""
    height, width = node.kernel.shape[:2]
    rows_a_strip = max(1, _MAX_TAPS // width)
    starts = range(0, height, rows_a_strip)
    if len(starts) == 1:
        return _strip(node, node.name, source, padding, range(height))

    replaced: list[Node] = []
    total = ""
    for start in starts:
        name = f"{node.name}_rows{start}"
        rows = range(start, min(start + rows_a_strip, height))
        replaced += _strip(node, name, source, padding, rows)
        if start == 0:
            total = name
            continue
        is_last = start == starts[-1]
        sum_name = node.name if is_last else f"{name}_sum"
        replaced.append(nodes.add(sum_name, total, name))
        total = sum_name
    return replaced


def _strip(
    node: Node,
    name: str,
    source: str,
    padding: Borders,
    rows: range,
) -> list[Node]:
    """The convolution with some rows of the kernel, behind what moves the image to where they look.

    Rows that are left out above the strip move the image up: there is that much less
    to pad at the top. Where less than nothing is to be padded, the image is cropped.
    """
    height = node.kernel.shape[0]
    (top, bottom), columns = padding
    rows_below = height - rows.stop
    border = (top - rows.start, bottom - rows_below)

    before: list[Node] = []
    x = source
    if min(border) < 0:
        cropping = (_negative_part(border), (0, 0))
        before.append(nodes.crop(f"{name}_crop", x, cropping))
        x = before[-1].name
    if max(*border, *columns) > 0:
        padded = (_positive_part(border), columns)
        before.append(nodes.pad(f"{name}_pad", x, padded))
        x = before[-1].name

    weights = {"kernel": node.kernel[rows.start : rows.stop]}
    if rows.start == 0 and "bias" in node.weights:  # The sum of all strips takes the bias once.
        weights["bias"] = node.weights["bias"]
    attributes = {"stride": node.attributes["stride"], "padding": "valid"}
    strip = Node(name, node.op, (x,), attributes, weights)
    return [*before, strip]


def _positive_part(border: tuple[int, int]) -> tuple[int, int]:
    before, after = border
    return max(0, before), max(0, after)


def _negative_part(border: tuple[int, int]) -> tuple[int, int]:
    before, after = border
    return max(0, -before), max(0, -after)
