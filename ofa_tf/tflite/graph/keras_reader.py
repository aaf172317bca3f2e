"""Reading a plain functional Keras model into a `Graph`."""

from collections.abc import Sequence
from typing import Any

import keras

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.graph import INPUT, Graph, Node
from ofa_tf.tflite.graph.layer_readers import read_layer


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
    # A Sequential wraps a functional model, whose tensors are others than its own.
    model = getattr(model, "_functional", None) or model
    if len(model.outputs) != 1:
        raise InputError(f"Expected the model to have one output. Received: {len(model.outputs)}.")

    names = {id(model.inputs[0]): INPUT}  # of the nodes that give Keras' tensors
    nodes: list[Node] = []
    for layer in model.operations:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        _check_is_layer(layer)
        call = _only_call(layer, model)
        inputs = tuple(names[id(tensor)] for tensor in call.input_tensors)
        new_nodes = read_layer(layer, inputs)
        output = inputs[0]  # of a layer that does nothing in inference
        if new_nodes:
            output = new_nodes[-1].name
        names[id(call.outputs[0])] = output
        nodes += new_nodes

    _check_output(model, nodes, names[id(model.outputs[0])])
    input_shape = tuple(model.inputs[0].shape[1:])
    return Graph(input_shape, tuple(nodes))


def _check_is_layer(operation: Any) -> None:
    if not isinstance(operation, keras.layers.Layer):
        raise InputError(
            f"Expected the model to be made of layers. Received: the operation {operation.name!r} outside of any. "
            "Use networks such as build_subnet makes."
        )


def _check_output(model: keras.Model, nodes: Sequence[Node], output: str) -> None:
    if not nodes or nodes[-1].name != output:
        raise InputError(
            f"Expected the model's output to come from its last layer. Received: it comes from {output!r}, "
            f"before {model.layers[-1].name!r}. Leave layers out that lead to no output."
        )


def _only_call(layer: keras.layers.Layer, model: keras.Model) -> Any:
    """Keras' node of the one call of a layer in this model; other models may share the layer."""
    calls_in_model: set[int] = set()
    for depth in model._nodes_by_depth.values():
        calls_in_model.update(id(call) for call in depth)
    calls = [call for call in layer._inbound_nodes if id(call) in calls_in_model]
    if len(calls) != 1:
        raise InputError(
            f"Expected each layer to be used once. Received: {layer.name!r} used {len(calls)} times. "
            "Use networks such as build_subnet makes."
        )
    return calls[0]
