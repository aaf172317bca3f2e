"""Cross-layer equalization: channels of like ranges, which one scale serves well.

Reference: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
Correction", ICCV 2019, section 4.1.
"""

import numpy as np
import tensorflow as tf

from ofa_tf.tflite.graph.graph import LINEAR, Graph, Node
from ofa_tf.tflite.quantization.activation_statistics import Images, Statistic, measure_statistics

_NEXT_TO_NOTHING = 1e-6  # of the largest channel: what is below is dead, and is left alone

_Pair = tuple[Node, str, Node]  # two convolutions, with the name of the node whose output the second one takes


def equalize(graph: Graph, images: Images) -> Graph:
    """Bring the channels between two convolutions to like ranges, where a ReLU or nothing is between.

    (In one pass.) A channel is divided by a number in the first convolution and
    multiplied by it in the second: the network computes the same, and rounding
    hurts less. Here the ranges are those of the activations, as weights have a
    scale a channel anyway.

    Args:
        graph: With batch normalization folded.
        images: They say how large each channel gets.
    """
    pairs = _equalizable_pairs(graph)
    statistics: dict[str, Statistic] = {between: _largest_in_channel for _, between, _ in pairs}
    largest = measure_statistics(graph, images, statistics, np.maximum)

    output_factors: dict[str, np.ndarray] = {}
    input_factors: dict[str, np.ndarray] = {}
    for first, between, second in pairs:
        factor = _equalizing_factor(largest[between], second)
        output_factors[first.name] = factor
        input_factors[second.name] = factor

    def scale(node: Node) -> list[Node]:
        if node.name in output_factors:
            node = node.scale_outputs(1 / output_factors[node.name])
        if node.name in input_factors:
            node = node.scale_inputs(input_factors[node.name])
        return [node]

    return graph.map(scale)


def _largest_in_channel(values: tf.Tensor) -> tf.Tensor:
    all_but_channels = tuple(range(values.shape.rank - 1))
    return tf.reduce_max(tf.abs(values), all_but_channels)


def _equalizable_pairs(graph: Graph) -> list[_Pair]:
    """The pairs of convolutions that a factor a channel can be moved between."""
    pairs: list[_Pair] = []
    for node in graph.nodes:
        if node.op not in LINEAR:
            continue
        first = _convolution_before(graph, node)
        if first is not None:
            pairs.append((first, node.inputs[0], node))
    return pairs


def _convolution_before(graph: Graph, node: Node) -> Node | None:
    """The convolution whose output reaches a node, and nothing else, through what a factor can be moved over."""
    producer = graph.node(node.inputs[0])
    while producer is not None and len(graph.consumers(producer.name)) == 1:
        if producer.op in LINEAR:
            return producer
        if not _commutes_with_factors(producer):
            return None
        producer = graph.node(producer.inputs[0])
    return None


def _commutes_with_factors(node: Node) -> bool:
    is_relu = node.op == "activation" and node.attributes["function"] == "relu"
    return node.op == "pad" or is_relu


def _equalizing_factor(activation: np.ndarray, second: Node) -> np.ndarray:
    """What to divide each channel by; 1 for dead channels.

    Args:
        activation: How large each channel gets.
        second: The convolution that takes the channels.
    """
    axes = range(second.kernel.ndim)
    input_axis = second.kernel.ndim - 2
    other_axes = tuple(axis for axis in axes if axis != input_axis)
    weight = np.abs(second.kernel).max(other_axes)
    activation_is_alive = activation > _NEXT_TO_NOTHING * activation.max()
    weight_is_alive = weight > _NEXT_TO_NOTHING * weight.max()
    alive = activation_is_alive & weight_is_alive

    factor = np.ones_like(activation)
    if alive.any():
        wanted = _wanted_factor(activation[alive], weight[alive], second)
        geometric_mean = np.exp(np.mean(np.log(wanted)))
        factor[alive] = wanted / geometric_mean
    return factor


def _wanted_factor(
    activation: np.ndarray,
    weight: np.ndarray,
    second: Node,
) -> np.ndarray:
    if second.op == "depthwise_conv2d":
        # Its weights have a scale a channel: what they grow by costs nothing.
        return activation
    return np.sqrt(activation / weight)
