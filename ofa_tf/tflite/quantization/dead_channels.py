"""What integers cannot hold: tensors and channels that are, or are almost, dead.

The bias of a convolution is an int32 number in steps of the input's scale times
the kernel's, so it must not be too large for a channel whose weights, or for an
input whose values, are next to nothing. LiteRT Quantizer clips it without a
word. (Batch normalization with a gamma near 0 makes such channels.)
"""

from collections.abc import Collection, Mapping

import numpy as np

from ofa_tf.tflite.graph.graph import LINEAR, Graph, Node
from ofa_tf.tflite.quantization.ranges import Range

_LARGEST_BIAS = 2.0**30  # half of what an int32 holds
_SMALLEST_MULTIPLIER = 2.0**-24  # of an output's steps that one of input times weight may be; kernels take 2**-31
_LARGEST_INT8_WEIGHT = 127
_NARROWEST_RANGE = 1e-6  # of a tensor that is not dead
_RANGE_OF_DEAD_TENSORS = (0.0, 1.0)  # any will do, but one like others': kernels refuse scales that differ very much


def widen_ranges(ranges: Mapping[str, Range]) -> dict[str, Range]:
    """Give tensors that were always 0 a range, and others at least a narrow one."""
    return {name: _widen(low, high) for name, (low, high) in ranges.items()}


def _widen(low: float, high: float) -> Range:
    if low == high:
        return _RANGE_OF_DEAD_TENSORS
    return low, max(high, low + _NARROWEST_RANGE)


def lift_kernels(
    graph: Graph,
    ranges: Mapping[str, Range],
    activation_bits: int,
    float_nodes: Collection[str] = (),
) -> Graph:
    """Raise the largest weight of almost dead channels until the scale suits their bias.

    A raised weight adds at most 3e-5 of the bias to the output (with 16 bits, 1 %),
    or less than half a step.

    Args:
        graph: With one operator a node.
        ranges: Of the input and all nodes, none empty.
        activation_bits: 8 or 16.
        float_nodes: Names of nodes that stay float and as they are.
    """

    def lift(node: Node) -> list[Node]:
        if node.op not in LINEAR or node.name in float_nodes:
            return [node]
        input_step = _step(ranges[node.inputs[0]], activation_bits)
        output_step = _step(ranges[node.name], activation_bits)
        return [_lift_kernel(node, input_step, output_step)]

    return graph.map(lift)


def _lift_kernel(node: Node, input_step: float, output_step: float) -> Node:
    """The node with the largest weight of each channel at least as large as its bias and output need it.

    A weight's step is the channel's largest weight over 127, and a step of the bias
    is that times the input's.
    """
    smallest_bias_step = np.abs(node.bias) / _LARGEST_BIAS
    smallest_product_step = _SMALLEST_MULTIPLIER * output_step
    needed_step = np.maximum(smallest_bias_step, smallest_product_step)
    needed_weight = needed_step * _LARGEST_INT8_WEIGHT / input_step

    channels = np.moveaxis(node.kernel, node.channel_axis, 0)
    rows = channels.reshape(len(channels), -1).copy()  # one a channel
    row_indices = np.arange(len(rows))
    largest_indices = np.abs(rows).argmax(1)
    largest = rows[row_indices, largest_indices]
    signs = np.where(largest < 0, -1, 1)
    rows[row_indices, largest_indices] = signs * np.maximum(np.abs(largest), needed_weight)

    kernel = np.moveaxis(rows.reshape(channels.shape), 0, node.channel_axis)
    return node.with_weights(kernel=np.ascontiguousarray(kernel, np.float32))


def _step(limits: Range, activation_bits: int) -> float:
    """What an integer activation counts in; those of 16 bits are symmetric about 0."""
    low, high = limits
    if activation_bits == 16:
        return max(-low, high) / (2**15 - 1)
    return (high - low) / (2**activation_bits - 1)
