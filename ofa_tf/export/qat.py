"""Quantization-aware fine-tuning of an inference graph.

The graph is run as a tf_keras network, the only kind that
tensorflow-model-optimization works on, with weights and activations rounded as
int8 rounds them; trained a little; and read back.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from ofa_tf.errors import InputError
from ofa_tf.export.graph import INPUT, Graph, Node
from ofa_tf.export.graph_function import run_node
from ofa_tf.export.input_format import InputFormat
from ofa_tf.export.options import FineTuning
from ofa_tf.export.ranges import Range

_FUSED = ("conv2d", "depthwise_conv2d", "dense", "add", "multiply", "add_constant")
_KEEPS_RANGE = ("pad", "crop", "max_pool", "average_pool", "flatten")


def _import_tfmot() -> Any:
    """Import tensorflow-model-optimization without what it does to others: it makes `tf.keras` mean Keras 2."""
    variable = "TF_USE_LEGACY_KERAS"
    before = os.environ.get(variable)
    tf.keras.Model  # noqa: B018 -- resolved now, `tf.keras` stays what it is
    import tensorflow_model_optimization as tfmot

    if before is None:
        del os.environ[variable]
    else:
        os.environ[variable] = before
    return tfmot


_tfmot = _import_tfmot().quantization.keras
_quantizers = _tfmot.quantizers


def fine_tune(
    graph: Graph, ranges: Mapping[str, Range], teacher: keras.Model, input_format: InputFormat, tuning: FineTuning
) -> tuple[Graph, dict[str, Range]]:
    """Train a graph with simulated int8 rounding, half on the labels and half on what a teacher says.

    Args:
        graph: Folded and lowered, as it will be converted.
        ranges: Of the input and all nodes, to start from.
        teacher: The float network; takes normalised images.
        input_format: What the graph takes as images.
        tuning: Images and settings.

    Returns:
        The graph with other weights, and the ranges of the outputs that an
        integer model stores.

    Raises:
        InputError: If the training fails.

    Reference: Jacob et al., "Quantization and Training of Neural Networks for
    Efficient Integer-Arithmetic-Only Inference", CVPR 2018, section 3.
    """
    num_classes = int(teacher.output_shape[-1])
    teach = tf.function(lambda images: tf.nn.softmax(teacher(images, training=False)), autograph=False)

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for images, labels in tuning.batches():
            images = input_format.round(images)
            targets = (tf.one_hot(labels, num_classes) + teach(images)) / 2
            yield input_format.denormalize(images), targets.numpy()

    twin = QuantizedTwin(graph, ranges)
    learning_rates = tuning.learning_rate * (1 + np.cos(np.pi * np.arange(tuning.num_steps) / tuning.num_steps)) / 2
    for loss in twin.train(batches(), learning_rates):
        if not np.isfinite(loss):
            raise InputError(f"Expected a finite loss. Received: {loss}. Take a lower --qat_learning_rate.")
    return twin.read_back()


class QuantizedTwin:
    """A graph as a tf_keras network that computes what its int8 model will, and can be trained.

    Args:
        graph: Folded and lowered, as it will be converted.
        ranges: Ranges of its activations to start from, see `measure_ranges`.
    """

    def __init__(self, graph: Graph, ranges: Mapping[str, Range]) -> None:
        self._graph = graph
        self._layers: dict[str, Any] = {}
        ranged = rounded_outputs(graph)
        images = tf_keras.Input(graph.input_shape)
        values = {
            INPUT: self._wrap(INPUT, tf_keras.layers.Activation("linear", name=f"{INPUT}_rounded"), ranges[INPUT])(
                images
            )
        }
        for node in graph.nodes:
            layer = self._wrap(node.name, _create_layer(node), ranges[node.name] if node.name in ranged else None)
            inputs = [values[name] for name in node.inputs]
            values[node.name] = layer(inputs if len(inputs) > 1 else inputs[0])
        self.network = tf_keras.Model(images, values[graph.nodes[-1].name])

    def _wrap(self, name: str, layer: Any, output_range: Range | None) -> Any:
        self._layers[name] = _tfmot.QuantizeWrapperV2(layer, _Config(output_range))
        return self._layers[name]

    def train(
        self, batches: Iterable[tuple[np.ndarray, np.ndarray]], learning_rates: Iterable[float]
    ) -> Iterable[float]:
        """Train on batches of images and target probabilities, with Adam; yields the loss of each step.

        Args:
            batches: Images as the graph takes them, and probabilities of the
                classes `(batch, num_classes)`.
            learning_rates: One a step.
        """
        optimizer = tf_keras.optimizers.legacy.Adam()
        variables = self.network.trainable_variables

        @tf.function(reduce_retracing=True, autograph=False)
        def step(images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                logits = self.network(images, training=True)
                loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            return loss

        for (images, targets), learning_rate in zip(batches, learning_rates, strict=True):
            optimizer.learning_rate = learning_rate
            yield float(step(tf.convert_to_tensor(images), tf.convert_to_tensor(targets)))

    def read_back(self) -> tuple[Graph, dict[str, Range]]:
        """The graph with the weights of now, and the ranges of its activations."""
        ranges = {}
        for name, layer in self._layers.items():
            variables = _variables(layer)
            if "output_min" in variables:
                ranges[name] = (float(variables["output_min"]), float(variables["output_max"]))
        return self._graph.map(self._read_node), ranges

    def _read_node(self, node: Node) -> list[Node]:
        if node.op not in _LINEAR_LAYERS:
            return [node]
        variables = _variables(self._layers[node.name])
        kernel = variables["depthwise_kernel" if node.op == "depthwise_conv2d" else "kernel"]
        weights = {"kernel": kernel, "bias": variables["bias"]} if "bias" in node.weights else {"kernel": kernel}
        return [node.with_weights(**{name: variable.numpy() for name, variable in weights.items()})]


def _variables(layer: Any) -> dict[str, Any]:
    """The variables of a layer by name; of a wrapped one, with those of what it wraps."""
    return {variable.name.split("/")[-1].split(":")[0]: variable for variable in layer.weights}


def rounded_outputs(graph: Graph) -> set[str]:
    """The nodes whose output an integer model stores with a scale of its own.

    A ReLU behind a convolution or sum is fused with it, so what is between them is
    never stored; padding, pooling and the like keep the scale of what they take.
    """
    names = set()
    for node in graph.nodes:
        consumers = graph.consumers(node.name)
        is_fused = len(consumers) == 1 and node.op in _FUSED and _is_clamp(consumers[0])
        if node.op not in _KEEPS_RANGE and not is_fused:
            names.add(node.name)
    return names


def _is_clamp(node: Node) -> bool:
    return node.op == "activation" and node.attributes["function"] in ("relu", "relu6")


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


def _create_layer(node: Node) -> Any:
    """A node with weights to train as a layer of tf_keras; others are run as they are."""
    if node.op in _LINEAR_LAYERS:
        return _LINEAR_LAYERS[node.op](node)

    def run(inputs: Any) -> tf.Tensor:
        return run_node(node, *(inputs if isinstance(inputs, list) else [inputs]))

    return tf_keras.layers.Lambda(run, name=node.name)
