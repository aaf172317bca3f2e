"""Nodes of a graph as layers of tf_keras that round as an int8 model does, by tensorflow-model-optimization.

An int8 model rounds kernels, with a scale a channel, and the outputs that it stores,
with one scale. `QuantizeWrapperV2` adds that rounding to a layer of tf_keras; which
of its numbers are rounded, and how, says a `QuantizeConfig`.
"""

import os
from typing import Any

import numpy as np
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
    create = _LAYERS_WITH_KERNEL.get(node.op, _lambda)
    return _tfmot.QuantizeWrapperV2(create(node), _Rounding(output_range))


def round_output(name: str, output_range: Range) -> Any:
    """A layer that rounds what it takes."""
    identity = tf_keras.layers.Activation("linear", name=name)
    return _tfmot.QuantizeWrapperV2(identity, _Rounding(output_range))


def variables(layer: Any) -> dict[str, Any]:
    """The variables of a layer by name; of a wrapped one, with those of what it wraps."""
    by_name = {}
    for variable in layer.weights:
        last_part = variable.name.split("/")[-1]  # such as `kernel:0`
        by_name[last_part.split(":")[0]] = variable
    return by_name


class _KernelQuantizer(_quantizers.LastValueQuantizer):  # type: ignore[name-defined]
    """One scale a channel, from the weights as they are, in inference too."""

    def __init__(self) -> None:
        super().__init__(num_bits=8, per_axis=True, symmetric=True, narrow_range=True)

    def __call__(self, inputs: tf.Tensor, training: bool, weights: Any, **kwargs: Any) -> tf.Tensor:
        del training
        return super().__call__(inputs, True, weights, **kwargs)


class _DepthwiseKernelQuantizer(_KernelQuantizer):
    """The same for depthwise kernels, which have their channels on the third axis, not on the last."""

    def build(self, tensor_shape: tf.TensorShape, name: str, layer: Any) -> Any:
        height, width, channels, multiplier = tensor_shape
        channels_last = tf.TensorShape((height, width, multiplier, channels))
        return super().build(channels_last, name, layer)

    def __call__(self, inputs: tf.Tensor, training: bool, weights: Any, **kwargs: Any) -> tf.Tensor:
        channels_last = tf.transpose(inputs, (0, 1, 3, 2))
        rounded = super().__call__(channels_last, training, weights, **kwargs)
        return tf.transpose(rounded, (0, 1, 3, 2))


class _OutputQuantizer(_quantizers.MovingAverageQuantizer):  # type: ignore[name-defined]
    """One scale for all channels, from a range that starts known and follows what comes."""

    def __init__(self, start: Range) -> None:
        super().__init__(
            num_bits=8,
            per_axis=False,
            symmetric=False,
            narrow_range=False,
        )
        self._start = start

    def build(self, tensor_shape: tf.TensorShape, name: str, layer: Any) -> Any:
        low, high = self._start
        variables = super().build(tensor_shape, name, layer)
        variables["min_var"].assign(low)
        variables["max_var"].assign(high)
        return variables


class _Rounding(_tfmot.QuantizeConfig):  # type: ignore[name-defined]
    """What of a layer is rounded: its kernel, if it has one, and its output, if that has a range of its own."""

    def __init__(self, output_range: Range | None) -> None:
        self._output_range = output_range

    def get_weights_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        name = _kernel_name(layer)
        if name is None:
            return []
        is_depthwise = isinstance(layer, tf_keras.layers.DepthwiseConv2D)
        quantizer = _DepthwiseKernelQuantizer() if is_depthwise else _KernelQuantizer()
        return [(getattr(layer, name), quantizer)]

    def set_quantize_weights(
        self,
        layer: Any,
        quantize_weights: list[tf.Tensor],
    ) -> None:
        name = _kernel_name(layer)
        if name is not None:
            (kernel,) = quantize_weights
            setattr(layer, name, kernel)

    def get_activations_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        del layer
        return []

    def set_quantize_activations(
        self,
        layer: Any,
        quantize_activations: list[Any],
    ) -> None:
        del layer, quantize_activations

    def get_output_quantizers(self, layer: Any) -> list[Any]:
        del layer
        if self._output_range is None:
            return []
        return [_OutputQuantizer(self._output_range)]

    def get_config(self) -> dict[str, Any]:
        return {"output_range": self._output_range}


def _kernel_name(layer: Any) -> str | None:
    """The attribute of a layer that holds its kernel; `None` if it has none."""
    if isinstance(layer, tf_keras.layers.DepthwiseConv2D):
        return "depthwise_kernel"
    if isinstance(layer, tf_keras.layers.Conv2D | tf_keras.layers.Dense):
        return "kernel"
    return None


def _lambda(node: Node) -> Any:
    def run(inputs: Any) -> tf.Tensor:
        all_inputs = inputs if isinstance(inputs, list) else [inputs]
        return run_node(node, *all_inputs)

    return tf_keras.layers.Lambda(run, name=node.name)


def _conv2d(node: Node) -> Any:
    height, width, _, channels = node.kernel.shape
    return tf_keras.layers.Conv2D(
        channels,
        (height, width),
        strides=node.attributes["stride"],
        padding=node.attributes["padding"],
        kernel_initializer=_start_from(node.kernel),
        **_name_and_bias(node),
    )


def _depthwise_conv2d(node: Node) -> Any:
    return tf_keras.layers.DepthwiseConv2D(
        node.kernel.shape[:2],
        strides=node.attributes["stride"],
        padding=node.attributes["padding"],
        depthwise_initializer=_start_from(node.kernel),
        **_name_and_bias(node),
    )


def _dense(node: Node) -> Any:
    num_outputs = node.kernel.shape[-1]
    return tf_keras.layers.Dense(
        num_outputs,
        kernel_initializer=_start_from(node.kernel),
        **_name_and_bias(node),
    )


def _name_and_bias(node: Node) -> dict[str, Any]:
    """The settings that all layers with a kernel share."""
    if "bias" not in node.weights:
        return {"name": node.name, "use_bias": False}
    return {"name": node.name, "use_bias": True, "bias_initializer": _start_from(node.bias)}


def _start_from(values: np.ndarray) -> Any:
    return tf_keras.initializers.Constant(values)


_LAYERS_WITH_KERNEL = {"conv2d": _conv2d, "depthwise_conv2d": _depthwise_conv2d, "dense": _dense}
