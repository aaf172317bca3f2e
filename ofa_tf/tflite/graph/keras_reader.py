"""Reading a plain functional Keras model into a `Graph`."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.graph import INPUT, Graph, Node


def read_keras(model: keras.Model) -> Graph:
    """Read a functional model of convolutions and what goes with them.

    Args:
        model: One image input, one output; layers as in `build_subnet`.

    Returns:
        A graph that computes what `model(images, training=False)` does.

    Raises:
        InputError: If a layer is of a type or has a setting that a graph does
            not have, or is used more than once, if there are operations outside of
            layers, or several outputs.
    """
    model = getattr(model, "_functional", None) or model  # of a Sequential, whose own tensors are others
    if len(model.outputs) != 1:
        raise InputError(f"Expected the model to have one output. Received: {len(model.outputs)}.")
    names = {id(model.inputs[0]): INPUT}
    nodes: list[Node] = []
    for layer in model.operations:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if not isinstance(layer, keras.layers.Layer):
            raise InputError(
                f"Expected the model to be made of layers. Received: the operation {layer.name!r} outside of any. "
                "Use networks such as build_subnet makes."
            )
        call = _only_call(layer, model)
        taken = tuple(names[id(tensor)] for tensor in call.input_tensors)
        new = _read_layer(layer, taken)
        nodes += new
        names[id(call.outputs[0])] = new[-1].name if new else taken[0]
    last = names[id(model.outputs[0])]
    if not nodes or nodes[-1].name != last:
        raise InputError(
            f"Expected the model's output to come from its last layer. Received: it comes from {last!r}, "
            f"before {model.layers[-1].name!r}. Leave layers out that lead to no output."
        )
    return Graph(tuple(model.inputs[0].shape[1:]), tuple(nodes))


def _only_call(layer: keras.layers.Layer, model: keras.Model) -> Any:
    """Keras' node of the one call of a layer in this model; other models may share the layer."""
    of_model = {id(node) for depth in model._nodes_by_depth.values() for node in depth}
    calls = [node for node in layer._inbound_nodes if id(node) in of_model]
    if len(calls) != 1:
        raise InputError(
            f"Expected each layer to be used once. Received: {layer.name!r} used {len(calls)} times. "
            "Use networks such as build_subnet makes."
        )
    return calls[0]


def _read_layer(layer: keras.layers.Layer, inputs: tuple[str, ...]) -> list[Node]:
    """The nodes of a layer; none for one that does nothing in inference."""
    for kind, read in _READERS.items():
        if type(layer) is kind:
            nodes = read(layer, inputs)
            break
    else:
        raise InputError(
            f"Expected the model to have layers of types {sorted(kind.__name__ for kind in _READERS)} only. "
            f"Received: {layer.name!r} of type {type(layer).__name__}. Use networks such as build_subnet makes."
        )
    if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.Dense):
        return _with_activation(nodes, layer)
    return nodes


def _convolution(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    _require(layer, "data_format", "channels_last")
    _require(layer, "dilation_rate", (1, 1))
    _require(layer, "strides", (layer.strides[0],) * 2)
    if depthwise:
        _require(layer, "depth_multiplier", 1)
    else:
        _require(layer, "groups", 1)
    attributes = {"stride": int(layer.strides[0]), "padding": layer.padding}
    op = "depthwise_conv2d" if depthwise else "conv2d"
    return [Node(layer.name, op, inputs, attributes, _kernel_and_bias(layer))]


def _dense(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    return [Node(layer.name, "dense", inputs, {}, _kernel_and_bias(layer))]


def _batch_norm(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    if layer.axis not in (-1, len(layer.input.shape) - 1):
        raise _unsupported(layer, "axis", "the last one")
    mean, variance = (np.asarray(value, np.float64) for value in (layer.moving_mean, layer.moving_variance))
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * np.asarray(layer.gamma)
    offset = -mean * scale
    if layer.center:
        offset = offset + np.asarray(layer.beta)
    weights = {"scale": scale.astype(np.float32), "offset": offset.astype(np.float32)}
    return [Node(layer.name, "batch_norm", inputs, {}, weights)]


def _activation(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    return [_activation_node(layer.name, layer.activation, inputs)]


def _relu(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    _require(layer, "negative_slope", 0)
    _require(layer, "threshold", 0)
    limits: dict[float | None, str] = {None: "relu", 6.0: "relu6"}
    if layer.max_value not in limits:
        raise _unsupported(layer, "max_value", "None or 6")
    return [Node(layer.name, "activation", inputs, {"function": limits[layer.max_value]})]


def _pad(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    _require(layer, "data_format", "channels_last")
    return [Node(layer.name, "pad", inputs, {"padding": layer.padding})]


def _pool(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    _require(layer, "data_format", "channels_last")
    _require(layer, "pool_size", (layer.pool_size[0],) * 2)
    _require(layer, "strides", (layer.strides[0],) * 2)
    op = "max_pool" if isinstance(layer, keras.layers.MaxPooling2D) else "average_pool"
    attributes = {"size": layer.pool_size[0], "stride": layer.strides[0], "padding": layer.padding}
    return [Node(layer.name, op, inputs, attributes)]


def _mean(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    _require(layer, "data_format", "channels_last")
    mean = Node(layer.name, "mean", inputs)
    if layer.keepdims:
        return [mean]
    return [Node(f"{layer.name}_mean", "mean", inputs), Node(layer.name, "flatten", (f"{layer.name}_mean",))]


def _flatten(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
    _require(layer, "data_format", "channels_last")
    return [Node(layer.name, "flatten", inputs)]


def _of_two(op: str) -> Callable[[Any, tuple[str, ...]], list[Node]]:
    def read(layer: Any, inputs: tuple[str, ...]) -> list[Node]:
        if len(inputs) != 2:
            raise InputError(
                f"Expected the layer {layer.name!r} to take two tensors. Received: {len(inputs)}. "
                f"Use several layers of type {type(layer).__name__}."
            )
        return [Node(layer.name, op, inputs)]

    return read


def _with_activation(nodes: list[Node], layer: Any) -> list[Node]:
    """An activation given to a layer as an argument, as a node of its own."""
    if layer.activation is keras.activations.linear:
        return nodes
    (node,) = nodes
    inner = Node(f"{node.name}_linear", node.op, node.inputs, node.attributes, node.weights)
    return [inner, _activation_node(node.name, layer.activation, (inner.name,))]


def _activation_node(name: str, function: Any, inputs: tuple[str, ...]) -> Node:
    known = ("relu", "relu6", "hard_swish", "hard_sigmoid")
    function_name = next((known_name for known_name in known if keras.activations.get(known_name) is function), None)
    if function_name is None:
        raise InputError(
            f"Expected the activation of {name!r} to be one of {list(known)}. "
            f"Received: {getattr(function, '__name__', function)}. Use networks such as build_subnet makes."
        )
    return Node(name, "activation", inputs, {"function": function_name})


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


_READERS: dict[type, Callable[[Any, tuple[str, ...]], list[Node]]] = {
    keras.layers.Conv2D: _convolution,
    keras.layers.DepthwiseConv2D: _convolution,
    keras.layers.Dense: _dense,
    keras.layers.BatchNormalization: _batch_norm,
    keras.layers.Activation: _activation,
    keras.layers.ReLU: _relu,
    keras.layers.Add: _of_two("add"),
    keras.layers.Multiply: _of_two("multiply"),
    keras.layers.ZeroPadding2D: _pad,
    keras.layers.MaxPooling2D: _pool,
    keras.layers.AveragePooling2D: _pool,
    keras.layers.GlobalAveragePooling2D: _mean,
    keras.layers.Flatten: _flatten,
    keras.layers.Dropout: lambda layer, inputs: [],
}
