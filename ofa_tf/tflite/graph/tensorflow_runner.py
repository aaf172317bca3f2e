"""Running a `Graph` in TensorFlow."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from ofa_tf.tflite.graph.graph import INPUT, Graph, Node


def run_graph(graph: Graph, images: tf.Tensor) -> tf.Tensor:
    """Output of a graph for images `(batch, height, width, channels)`."""
    return run_all(graph, images)[graph.nodes[-1].name]


def run_all(graph: Graph, images: tf.Tensor) -> dict[str, tf.Tensor]:
    """Outputs of all nodes, by name."""
    values = {INPUT: images}
    for node in graph.nodes:
        with tf.name_scope(node.name):  # so that tensors of a converted model are named after their layers
            values[node.name] = run_node(node, *(values[name] for name in node.inputs))
    return values


def iterate_outputs(graph: Graph, images: tf.Tensor) -> Iterator[tuple[str, tf.Tensor]]:
    """The images and the output of each node in turn, by name; an output is forgotten after its last use."""
    last_use = {name: node.name for node in graph.nodes for name in node.inputs}
    values = {INPUT: images}
    yield INPUT, images
    for node in graph.nodes:
        values[node.name] = run_node(node, *(values[name] for name in node.inputs))
        for name in set(node.inputs):
            if last_use[name] == node.name:
                del values[name]
        yield node.name, values[node.name]


def run_node(node: Node, *inputs: tf.Tensor) -> tf.Tensor:
    """Output of one node."""
    return _OPERATIONS[node.op](node, *inputs)


def _conv2d(node: Node, x: tf.Tensor) -> tf.Tensor:
    x = tf.nn.conv2d(x, node.kernel, node.attributes["stride"], node.attributes["padding"].upper())
    return _add_bias(node, x)


def _depthwise_conv2d(node: Node, x: tf.Tensor) -> tf.Tensor:
    stride = node.attributes["stride"]
    x = tf.nn.depthwise_conv2d(x, node.kernel, (1, stride, stride, 1), node.attributes["padding"].upper())
    return _add_bias(node, x)


def _dense(node: Node, x: tf.Tensor) -> tf.Tensor:
    return _add_bias(node, tf.matmul(x, node.kernel))


def _add_bias(node: Node, x: tf.Tensor) -> tf.Tensor:
    return tf.nn.bias_add(x, node.weights["bias"]) if "bias" in node.weights else x


def _batch_norm(node: Node, x: tf.Tensor) -> tf.Tensor:
    return x * node.weights["scale"] + node.weights["offset"]


def _activation(node: Node, x: tf.Tensor) -> tf.Tensor:
    return _FUNCTIONS[node.attributes["function"]](x)


def _pad(node: Node, x: tf.Tensor) -> tf.Tensor:
    rows, columns = node.attributes["padding"]
    return tf.pad(x, ((0, 0), rows, columns, (0, 0)))


def _crop(node: Node, x: tf.Tensor) -> tf.Tensor:
    (top, bottom), (left, right) = node.attributes["cropping"]
    return x[:, top : -bottom or None, left : -right or None]


def _pool(pool: Callable[..., tf.Tensor]) -> Callable[[Node, tf.Tensor], tf.Tensor]:
    def run(node: Node, x: tf.Tensor) -> tf.Tensor:
        return pool(x, node.attributes["size"], node.attributes["stride"], node.attributes["padding"].upper())

    return run


def _hard_sigmoid(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu6(x + 3.0) * np.float32(1 / 6)


_FUNCTIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": lambda x: x * _hard_sigmoid(x),
}
_OPERATIONS: dict[str, Callable[..., Any]] = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise_conv2d,
    "dense": _dense,
    "batch_norm": _batch_norm,
    "activation": _activation,
    "add": lambda node, a, b: a + b,
    "multiply": lambda node, a, b: a * b,
    "add_constant": lambda node, x: x + node.weights["constant"],
    "scale": lambda node, x: x * np.asarray(node.attributes["factor"], np.float32),
    "pad": _pad,
    "crop": _crop,
    "max_pool": _pool(tf.nn.max_pool2d),
    "average_pool": _pool(tf.nn.avg_pool2d),
    "mean": lambda node, x: tf.reduce_mean(x, (1, 2), keepdims=True),
    "flatten": lambda node, x: tf.reshape(x, (-1, int(np.prod(x.shape[1:])))),
}
