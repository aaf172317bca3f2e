"""Bias correction: what the rounding of weights moves the mean of a channel by is taken from its bias.

Reference: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
Correction", ICCV 2019, section 4.2.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ofa_tf.tflite.graph.graph import LINEAR, Graph, Node
from ofa_tf.tflite.graph.tensorflow_runner import run_node
from ofa_tf.tflite.quantization.activation_statistics import Images, Statistic, measure_statistics

_LARGEST_INT8_WEIGHT = 127
_SMALLEST_CHANNEL = 1e-30  # largest weight that a channel counts with, so that none is divided by 0


def measure_bias_shifts(graph: Graph, images: Images) -> dict[str, np.ndarray]:
    """By how much the rounding of weights to int8 moves the mean of each channel (here measured on images).

    Args:
        graph: The float network.
        images: Some batches of what it takes.

    Returns:
        By the name of each convolution and dense layer, an array of shape
        `(channels,)`, to be taken from its bias where its weights are rounded.
    """
    nodes_by_input = _linear_nodes_by_input(graph)
    statistics = {name: _summed_shifts(nodes) for name, nodes in nodes_by_input.items()}
    totals = measure_statistics(graph, images, statistics, np.add)

    shifts: dict[str, np.ndarray] = {}
    for name, nodes in nodes_by_input.items():
        sums = totals[name][:-1]
        num_images = totals[name][-1]
        means = _split_by_node(sums / num_images, nodes)
        shifts |= means
    return shifts


def _split_by_node(
    channels: np.ndarray,
    nodes: Sequence[Node],
) -> dict[str, np.ndarray]:
    """The channels of each node, by its name, from those of all nodes in a row."""
    by_node: dict[str, np.ndarray] = {}
    start = 0
    for node in nodes:
        end = start + len(node.bias)
        by_node[node.name] = channels[start:end]
        start = end
    return by_node


def _linear_nodes_by_input(graph: Graph) -> dict[str, list[Node]]:
    nodes_by_input: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.op in LINEAR:
            nodes_by_input.setdefault(node.inputs[0], []).append(node)
    return nodes_by_input


def _summed_shifts(nodes: Sequence[Node]) -> Statistic:
    """A statistic of what nodes take: the shifts of all their channels, summed over images, and the number of those."""
    error_nodes = [_rounding_error(node) for node in nodes]

    def measure(x: tf.Tensor) -> tf.Tensor:
        sums = []
        for node in error_nodes:
            errors = run_node(node, x)
            sums.append(_sum_of_means(errors))
        num_images = tf.cast(tf.shape(x)[0], tf.float32)
        return tf.concat([*sums, [num_images]], 0)

    return measure


def _rounding_error(node: Node) -> Node:
    """The node that computes by how much rounded weights change a node's output."""
    error = round_kernel(node) - node.kernel
    return node.with_weights(kernel=error, bias=np.zeros_like(node.bias))


def _sum_of_means(values: tf.Tensor) -> tf.Tensor:
    """The mean of each channel of an image, summed over the images."""
    positions = tuple(range(1, values.shape.rank - 1))
    means = tf.reduce_mean(values, positions)
    return tf.reduce_sum(means, 0)


def round_kernel(node: Node) -> np.ndarray:
    """The kernel as an int8 model has it (per-channel symmetric): 255 steps a channel, alike on both sides of 0."""
    axes = range(node.kernel.ndim)
    all_but_channels = tuple(axis for axis in axes if axis != node.channel_axis)
    largest = np.abs(node.kernel).max(all_but_channels, keepdims=True)
    steps = np.maximum(largest, _SMALLEST_CHANNEL) / _LARGEST_INT8_WEIGHT
    rounded = steps * np.rint(node.kernel / steps)
    return rounded.astype(np.float32)
