"""Running a `Graph` in TensorFlow."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from ofa_tf.tflite.graph.graph import INPUT, Graph, Node


def run_graph(graph: Graph, images: tf.Tensor) -> tf.Tensor:
    """Output of a graph for images `(batch, height, width, channels)`."""
    outputs = run_all(graph, images)
    last = graph.nodes[-1]
    return outputs[last.name]


def run_all(graph: Graph, images: tf.Tensor) -> dict[str, tf.Tensor]:
    """Outputs of all nodes, by name."""
    values = {INPUT: images}
    for node in graph.nodes:
        inputs = [values[name] for name in node.inputs]
        with tf.name_scope(node.name):  # so that tensors of a converted model are named after their layers
            values[node.name] = run_node(node, *inputs)
    return values


def iterate_outputs(graph: Graph, images: tf.Tensor) -> Iterator[tuple[str, tf.Tensor]]:
    """The images and the output of each node in turn, by name; an output is forgotten after its last use."""
    last_use: dict[str, str] = {}
    for node in graph.nodes:
        last_use |= dict.fromkeys(node.inputs, node.name)
    values = {INPUT: images}
    yield INPUT, images
    for node in graph.nodes:
        inputs = [values[name] for name in node.inputs]
        values[node.name] = run_node(node, *inputs)
        for name in set(node.inputs):
            if last_use[name] == node.name:
                del values[name]
        yield node.name, values[node.name]


def run_node(node: Node, *inputs: tf.Tensor) -> tf.Tensor:
    """Output of one node."""
    operation = _OPERATIONS[node.op]
    return operation(node, *inputs)


def _conv2d(node: Node, x: tf.Tensor) -> tf.Tensor:
    stride, padding = node.attributes["stride"], _padding(node)
    sums = tf.nn.conv2d(x, node.kernel, stride, padding)
    return _add_bias(node, sums)


def _depthwise_conv2d(node: Node, x: tf.Tensor) -> tf.Tensor:
    stride, padding = node.attributes["stride"], _padding(node)
    sums = tf.nn.depthwise_conv2d(x, node.kernel, (1, stride, stride, 1), padding)
    return _add_bias(node, sums)


def _padding(node: Node) -> str:
    """The padding as TensorFlow writes it."""
    padding: str = node.attributes["padding"]
    return padding.upper()


def _dense(node: Node, x: tf.Tensor) -> tf.Tensor:
    return _add_bias(node, tf.matmul(x, node.kernel))


def _add_bias(node: Node, x: tf.Tensor) -> tf.Tensor:
    if "bias" not in node.weights:
        return x
    return tf.nn.bias_add(x, node.weights["bias"])


def _batch_norm(node: Node, x: tf.Tensor) -> tf.Tensor:
    return x * node.weights["scale"] + node.weights["offset"]


def _activation(node: Node, x: tf.Tensor) -> tf.Tensor:
    function = _FUNCTIONS[node.attributes["function"]]
    return function(x)


def _pad(node: Node, x: tf.Tensor) -> tf.Tensor:
    rows, columns = node.attributes["padding"]
    return tf.pad(x, ((0, 0), rows, columns, (0, 0)))


def _crop(node: Node, x: tf.Tensor) -> tf.Tensor:
    (top, bottom), (left, right) = node.attributes["cropping"]
    # An end of 0 would leave nothing; `None` leaves all.
    return x[:, top : -bottom or None, left : -right or None]


def _max_pool(node: Node, x: tf.Tensor) -> tf.Tensor:
    size, stride = node.attributes["size"], node.attributes["stride"]
    return tf.nn.max_pool2d(x, size, stride, _padding(node))


def _average_pool(node: Node, x: tf.Tensor) -> tf.Tensor:
    size, stride = node.attributes["size"], node.attributes["stride"]
    return tf.nn.avg_pool2d(x, size, stride, _padding(node))


def _mean(node: Node, x: tf.Tensor) -> tf.Tensor:
    del node
    return tf.reduce_mean(x, (1, 2), keepdims=True)


def _flatten(node: Node, x: tf.Tensor) -> tf.Tensor:
    del node
    num_values = int(np.prod(x.shape[1:]))
    return tf.reshape(x, (-1, num_values))


def _scale(node: Node, x: tf.Tensor) -> tf.Tensor:
    return x * np.asarray(node.attributes["factor"], np.float32)


def _add_constant(node: Node, x: tf.Tensor) -> tf.Tensor:
    return x + node.weights["constant"]


def _add(node: Node, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    del node
    return a + b


def _multiply(node: Node, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    del node
    return a * b


def _hard_sigmoid(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu6(x + 3.0) * np.float32(1 / 6)


def _hard_swish(x: tf.Tensor) -> tf.Tensor:
    return x * _hard_sigmoid(x)


_FUNCTIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": _hard_swish,
}
_OPERATIONS: dict[str, Callable[..., Any]] = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise_conv2d,
    "dense": _dense,
    "batch_norm": _batch_norm,
    "activation": _activation,
    "add": _add,
    "multiply": _multiply,
    "add_constant": _add_constant,
    "scale": _scale,
    "pad": _pad,
    "crop": _crop,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "mean": _mean,
    "flatten": _flatten,
}
