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
_NARROWEST = 1e-6  # range of a tensor that is not dead
_OF_DEAD_TENSORS = (0.0, 1.0)  # any will do, but one like others': kernels refuse scales that differ very much


def widen_ranges(ranges: Mapping[str, Range]) -> dict[str, Range]:
    """Give tensors that were always 0 a range, and others at least a narrow one."""
    return {
        name: _OF_DEAD_TENSORS if low == high else (low, max(high, low + _NARROWEST))
        for name, (low, high) in ranges.items()
    }


def lift_kernels(
    graph: Graph, ranges: Mapping[str, Range], activation_bits: int, float_nodes: Collection[str] = ()
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
        in_step, out_step = (_step(ranges[name], activation_bits) for name in (node.inputs[0], node.name))
        needed = np.maximum(np.abs(node.bias) / _LARGEST_BIAS, _SMALLEST_MULTIPLIER * out_step) * 127 / in_step
        channels = np.moveaxis(node.kernel, node.channel_axis, 0)
        flat = channels.reshape(len(channels), -1).copy()
        rows, largest = np.arange(len(flat)), np.abs(flat).argmax(1)
        weights = flat[rows, largest]
        signs = np.where(weights < 0, -1, 1)
        flat[rows, largest] = signs * np.maximum(np.abs(weights), needed)
        kernel = np.moveaxis(flat.reshape(channels.shape), 0, node.channel_axis)
        return [node.with_weights(kernel=np.ascontiguousarray(kernel, np.float32))]

    return graph.map(lift)


def _step(limits: Range, activation_bits: int) -> float:
    low, high = limits
    if activation_bits == 16:
        return max(-low, high) / (2**15 - 1)
    return (high - low) / (2**activation_bits - 1)
