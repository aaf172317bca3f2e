"""Reading single Keras layers into nodes of a graph, one function for each type of layer."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph import nodes
from ofa_tf.tflite.graph.graph import Node

# Layers that may have an activation as an argument.
_TAKES_ACTIVATION = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
_ACTIVATIONS = ("relu", "relu6", "hard_swish", "hard_sigmoid")  # that a graph has
_Reader = Callable[[Any, tuple[str, ...]], list[Node]]  # of a layer and the names of what it takes


def read_layer(layer: keras.layers.Layer, inputs: tuple[str, ...]) -> list[Node]:
    """The nodes of a layer; none for one that does nothing in inference.

    Args:
        layer: The layer, built.
        inputs: Names of the nodes that it takes, or `INPUT`.

    Raises:
        InputError: If the layer is of a type or has a setting that a graph does not
            have.
    """
    read = _READERS.get(type(layer))
    if read is None:
        known = sorted(kind.__name__ for kind in _READERS)
        raise InputError(
            f"Expected the model to have layers of types {known} only. "
            f"Received: {layer.name!r} of type {type(layer).__name__}. Use networks such as build_subnet makes."
        )
    read_nodes = read(layer, inputs)
    if isinstance(layer, _TAKES_ACTIVATION):
        (node,) = read_nodes
        return _with_activation(node, layer)
    return read_nodes


def _conv2d(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    _require(layer, "groups", 1)
    return [_convolution("conv2d", layer, inputs)]


def _depthwise_conv2d(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    _require(layer, "depth_multiplier", 1)
    return [_convolution("depthwise_conv2d", layer, inputs)]


def _convolution(op: str, layer: Any, inputs: tuple[str, ...]) -> Node:
    _require(layer, "data_format", "channels_last")
    _require(layer, "dilation_rate", (1, 1))
    stride = layer.strides[0]
    _require(layer, "strides", (stride, stride))
    attributes = {"stride": int(stride), "padding": layer.padding}
    return Node(layer.name, op, inputs, attributes, _kernel_and_bias(layer))


def _dense(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    return [Node(layer.name, "dense", inputs, {}, _kernel_and_bias(layer))]


def _batch_norm(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, with fixed statistics, as x * scale + offset."""
    last_axis = len(layer.input.shape) - 1
    if layer.axis not in (-1, last_axis):
        raise _unsupported(layer, "axis", "the last one")
    mean = np.asarray(layer.moving_mean, np.float64)
    variance = np.asarray(layer.moving_variance, np.float64)
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * np.asarray(layer.gamma)
    offset = -mean * scale
    if layer.center:
        offset = offset + np.asarray(layer.beta)
    weights = {
        "scale": scale.astype(np.float32),
        "offset": offset.astype(np.float32),
    }
    return [Node(layer.name, "batch_norm", inputs, {}, weights)]


def _activation(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    return [_activation_node(layer.name, layer.activation, inputs[0])]


def _relu(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    _require(layer, "negative_slope", 0)
    _require(layer, "threshold", 0)
    limits: dict[float | None, str] = {None: "relu", 6.0: "relu6"}
    if layer.max_value not in limits:
        raise _unsupported(layer, "max_value", "None or 6")
    function = limits[layer.max_value]
    return [nodes.activation(layer.name, inputs[0], function)]


def _pad(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    _require(layer, "data_format", "channels_last")
    return [nodes.pad(layer.name, inputs[0], layer.padding)]


def _max_pool(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    return [_pool("max_pool", layer, inputs)]


def _average_pool(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    return [_pool("average_pool", layer, inputs)]


def _pool(op: str, layer: Any, inputs: tuple[str, ...]) -> Node:
    _require(layer, "data_format", "channels_last")
    size, stride = layer.pool_size[0], layer.strides[0]
    _require(layer, "pool_size", (size, size))
    _require(layer, "strides", (stride, stride))
    attributes = {"size": size, "stride": stride, "padding": layer.padding}
    return Node(layer.name, op, inputs, attributes)


def _mean(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    _require(layer, "data_format", "channels_last")
    if layer.keepdims:
        return [Node(layer.name, "mean", inputs)]
    mean = Node(f"{layer.name}_mean", "mean", inputs)
    flat = Node(layer.name, "flatten", (mean.name,))
    return [mean, flat]


def _flatten(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    _require(layer, "data_format", "channels_last")
    return [Node(layer.name, "flatten", inputs)]


def _add(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    return [_of_two("add", layer, inputs)]


def _multiply(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    return [_of_two("multiply", layer, inputs)]


def _of_two(op: str, layer: Any, inputs: tuple[str, ...]) -> Node:
    if len(inputs) != 2:
        raise InputError(
            f"Expected the layer {layer.name!r} to take two tensors. Received: {len(inputs)}. "
            f"Use several layers of type {type(layer).__name__}."
        )
    return Node(layer.name, op, inputs)


def _dropout(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    del layer, inputs
    return []


def _with_activation(node: Node, layer: Any) -> list[Node]:
    """A node and the activation that its layer was given, as a node of its own; that one has the layer's name."""
    if layer.activation is keras.activations.linear:
        return [node]
    linear = dataclasses.replace(node, name=f"{node.name}_linear")
    return [linear, _activation_node(node.name, layer.activation, linear.name)]


def _activation_node(name: str, function: Any, source: str) -> Node:
    for function_name in _ACTIVATIONS:
        if keras.activations.get(function_name) is function:
            return nodes.activation(name, source, function_name)
    raise InputError(
        f"Expected the activation of {name!r} to be one of {list(_ACTIVATIONS)}. "
        f"Received: {getattr(function, '__name__', function)}. Use networks such as build_subnet makes."
    )


def _kernel_and_bias(layer: Any) -> dict[str, np.ndarray]:
    weights = {"kernel": np.asarray(layer.kernel, np.float32)}
    if layer.use_bias:
        weights["bias"] = np.asarray(layer.bias, np.float32)
    return weights


def _require(layer: Any, setting: str, value: Any) -> None:
    if getattr(layer, setting) != value:
        raise _unsupported(layer, setting, value)


def _unsupported(layer: Any, setting: str, rule: Any) -> InputError:
    return InputError(
        f"Expected `{setting}` of the layer {layer.name!r} to be {rule}. Received: {getattr(layer, setting)}. "
        "Use networks such as build_subnet makes."
    )


_READERS: dict[type, _Reader] = {
    keras.layers.Conv2D: _conv2d,
    keras.layers.DepthwiseConv2D: _depthwise_conv2d,
    keras.layers.Dense: _dense,
    keras.layers.BatchNormalization: _batch_norm,
    keras.layers.Activation: _activation,
    keras.layers.ReLU: _relu,
    keras.layers.Add: _add,
    keras.layers.Multiply: _multiply,
    keras.layers.ZeroPadding2D: _pad,
    keras.layers.MaxPooling2D: _max_pool,
    keras.layers.AveragePooling2D: _average_pool,
    keras.layers.GlobalAveragePooling2D: _mean,
    keras.layers.Flatten: _flatten,
    keras.layers.Dropout: _dropout,
}
