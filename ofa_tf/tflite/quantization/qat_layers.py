"""Nodes of a graph as layers of tf_keras that round as an int8 model does, by tensorflow-model-optimization."""

import os
from typing import Any

import tensorflow as tf
import tf_keras

from ofa_tf.tflite.graph.graph import Node
from ofa_tf.tflite.graph.tensorflow_runner import run_node
from ofa_tf.tflite.quantization.ranges import Range


def _import_tfmot() -> Any:
    """Import tensorflow-model-optimization without what it does to others: it makes `tf.keras` mean Keras 2."""
    variable = "TF_USE_LEGACY_KERAS"
    before = os.environ.get(variable)
    tf.keras.Model  # noqa: B018 -- resolved now, `tf.keras` stays what it is
    import tensorflow_model_optimization as tfmot

    if before is None:
        os.environ.pop(variable, None)
    else:
        os.environ[variable] = before
    return tfmot


_tfmot = _import_tfmot().quantization.keras
_quantizers = _tfmot.quantizers


def create_layer(node: Node, output_range: Range | None) -> Any:
    """A node as a layer whose kernel is rounded, and trained, if it has one; others are run as they are.

    Args:
        node: The node.
        output_range: Range to start from; `None`: the output is not rounded.
    """

    def run(inputs: Any) -> tf.Tensor:
        return run_node(node, *(inputs if isinstance(inputs, list) else [inputs]))

    create = _LINEAR_LAYERS.get(node.op)
    layer = tf_keras.layers.Lambda(run, name=node.name) if create is None else create(node)
    return _tfmot.QuantizeWrapperV2(layer, _Config(output_range))


def round_output(name: str, output_range: Range) -> Any:
    """A layer that rounds what it takes."""
    return _tfmot.QuantizeWrapperV2(tf_keras.layers.Activation("linear", name=name), _Config(output_range))


def variables(layer: Any) -> dict[str, Any]:
    """The variables of a layer by name; of a wrapped one, with those of what it wraps."""
    return {variable.name.split("/")[-1].split(":")[0]: variable for variable in layer.weights}


class _WeightQuantizer(_quantizers.LastValueQuantizer):  # type: ignore[name-defined]
    """One scale a channel, from the weights as they are, in inference too."""

    def __init__(self) -> None:
        super().__init__(num_bits=8, per_axis=True, symmetric=True, narrow_range=True)

    def __call__(self, inputs: tf.Tensor, training: bool, weights: Any, **kwargs: Any) -> tf.Tensor:
        del training
        return super().__call__(inputs, True, weights, **kwargs)


class _DepthwiseQuantizer(_WeightQuantizer):
    """The same for depthwise kernels, which have their channels on the third axis."""

    def build(self, tensor_shape: tf.TensorShape, name: str, layer: Any) -> Any:
        height, width, channels, multiplier = tensor_shape
        return super().build(tf.TensorShape((height, width, multiplier, channels)), name, layer)

    def __call__(self, inputs: tf.Tensor, training: bool, weights: Any, **kwargs: Any) -> tf.Tensor:
        swapped = super().__call__(tf.transpose(inputs, (0, 1, 3, 2)), training, weights, **kwargs)
        return tf.transpose(swapped, (0, 1, 3, 2))


class _ActivationQuantizer(_quantizers.MovingAverageQuantizer):  # type: ignore[name-defined]
    """Starts from a known range."""

    def __init__(self, start: Range) -> None:
        super().__init__(num_bits=8, per_axis=False, symmetric=False, narrow_range=False)
        self._start = start

    def build(self, tensor_shape: tf.TensorShape, name: str, layer: Any) -> Any:
        variables = super().build(tensor_shape, name, layer)
        variables["min_var"].assign(self._start[0])
        variables["max_var"].assign(self._start[1])
        return variables


class _Config(_tfmot.QuantizeConfig):  # type: ignore[name-defined]
    """How a node is quantized: kernels with a scale a channel, the output if it has a range of its own."""

    def __init__(self, output_range: Range | None) -> None:
        self._output_range = output_range

    def get_weights_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        if isinstance(layer, tf_keras.layers.DepthwiseConv2D):
            return [(layer.depthwise_kernel, _DepthwiseQuantizer())]
        if isinstance(layer, tf_keras.layers.Conv2D | tf_keras.layers.Dense):
            return [(layer.kernel, _WeightQuantizer())]
        return []

    def set_quantize_weights(self, layer: Any, quantize_weights: list[tf.Tensor]) -> None:
        for weight in quantize_weights:
            name = "depthwise_kernel" if isinstance(layer, tf_keras.layers.DepthwiseConv2D) else "kernel"
            setattr(layer, name, weight)

    def get_activations_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        del layer
        return []

    def set_quantize_activations(self, layer: Any, quantize_activations: list[Any]) -> None:
        del layer, quantize_activations

    def get_output_quantizers(self, layer: Any) -> list[Any]:
        del layer
        return [] if self._output_range is None else [_ActivationQuantizer(self._output_range)]

    def get_config(self) -> dict[str, Any]:
        return {"output_range": self._output_range}


def _conv2d(node: Node) -> Any:
    height, width, _, channels = node.kernel.shape
    return tf_keras.layers.Conv2D(
        channels, (height, width), kernel_initializer=_start_from(node, "kernel"), **_settings(node)
    )


def _depthwise_conv2d(node: Node) -> Any:
    return tf_keras.layers.DepthwiseConv2D(
        node.kernel.shape[:2], depthwise_initializer=_start_from(node, "kernel"), **_settings(node)
    )


def _dense(node: Node) -> Any:
    return tf_keras.layers.Dense(
        node.kernel.shape[-1], kernel_initializer=_start_from(node, "kernel"), **_bias_settings(node)
    )


def _settings(node: Node) -> dict[str, Any]:
    return {"strides": node.attributes["stride"], "padding": node.attributes["padding"], **_bias_settings(node)}


def _bias_settings(node: Node) -> dict[str, Any]:
    settings = {"use_bias": "bias" in node.weights, "name": node.name}
    return {**settings, "bias_initializer": _start_from(node, "bias")} if "bias" in node.weights else settings


def _start_from(node: Node, name: str) -> Any:
    return tf_keras.initializers.Constant(node.weights[name])


_LINEAR_LAYERS = {"conv2d": _conv2d, "depthwise_conv2d": _depthwise_conv2d, "dense": _dense}
