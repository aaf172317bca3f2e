"""Quantization-aware fine-tuning of an inference graph.

The graph is run as a tf_keras network, the only kind that
tensorflow-model-optimization works on, with weights and activations rounded as
int8 rounds them; trained a little; and read back.
"""

from collections.abc import Iterable, Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from ofa_tf.base.errors import InputError
from ofa_tf.base.interrupts import delayed_interrupts
from ofa_tf.tflite.conversion.options import FineTuning
from ofa_tf.tflite.graph.graph import INPUT, KEEPS_RANGE, LINEAR, Graph, Node
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.quantization.qat_layers import create_layer, round_output, variables
from ofa_tf.tflite.quantization.ranges import Range

_FUSED = (*LINEAR, "add", "multiply", "add_constant", "scale")


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
        InputError: If the training fails, or there are fewer batches than stated.

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

    with delayed_interrupts():  # something in tf_keras, while it builds and traces, swallowed a Ctrl-C
        twin = QuantizedTwin(graph, ranges)
    learning_rates = tuning.learning_rate * (1 + np.cos(np.pi * np.arange(tuning.num_steps) / tuning.num_steps)) / 2
    num_done = 0
    for loss in twin.train(batches(), learning_rates):
        num_done += 1
        if not np.isfinite(loss):
            raise InputError(f"Expected a finite loss. Received: {loss}. Take a lower --qat_learning_rate.")
    if num_done < tuning.num_steps:
        raise InputError(f"Expected {tuning.num_steps} batches to fine-tune on. Received: {num_done}.")
    return twin.read_back()


class QuantizedTwin:
    """A graph as a tf_keras network that computes what its int8 model will, and can be trained (fake quantization).

    Args:
        graph: Folded and lowered, as it will be converted.
        ranges: Ranges of its activations to start from, see `measure_ranges`.
    """

    def __init__(self, graph: Graph, ranges: Mapping[str, Range]) -> None:
        self._graph = graph
        ranged = rounded_outputs(graph)
        images = tf_keras.Input(graph.input_shape)
        self._layers = {INPUT: round_output(f"{INPUT}_rounded", ranges[INPUT])}
        values = {INPUT: self._layers[INPUT](images)}
        for node in graph.nodes:
            layer = create_layer(node, ranges[node.name] if node.name in ranged else None)
            self._layers[node.name] = layer
            inputs = [values[name] for name in node.inputs]
            values[node.name] = layer(inputs if len(inputs) > 1 else inputs[0])
        self.network = tf_keras.Model(images, values[graph.nodes[-1].name])

    def train(
        self, batches: Iterable[tuple[np.ndarray, np.ndarray]], learning_rates: Iterable[float]
    ) -> Iterable[float]:
        """Train on batches of images and target probabilities, with Adam; yields the loss of each step.

        Args:
            batches: Images as the graph takes them, and probabilities of the
                classes `(batch, num_classes)`.
            learning_rates: One a step; the shorter of both ends the training.
        """
        optimizer = tf_keras.optimizers.legacy.Adam()
        weights = self.network.trainable_variables

        @tf.function(reduce_retracing=True, autograph=False)
        def step(images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                logits = self.network(images, training=True)
                loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            return loss

        for (images, targets), learning_rate in zip(batches, learning_rates, strict=False):
            optimizer.learning_rate = learning_rate
            with delayed_interrupts():
                loss = float(step(tf.convert_to_tensor(images), tf.convert_to_tensor(targets)))
            yield loss

    def read_back(self) -> tuple[Graph, dict[str, Range]]:
        """The graph with the weights of now, and the ranges of its activations."""
        ranges = {}
        for name, layer in self._layers.items():
            values = variables(layer)
            if "output_min" in values:
                ranges[name] = (float(values["output_min"]), float(values["output_max"]))
        return self._graph.map(self._read_node), ranges

    def _read_node(self, node: Node) -> list[Node]:
        if node.op not in LINEAR:
            return [node]
        values = variables(self._layers[node.name])
        kernel = values["depthwise_kernel" if node.op == "depthwise_conv2d" else "kernel"]
        weights = {"kernel": kernel, "bias": values["bias"]} if "bias" in node.weights else {"kernel": kernel}
        return [node.with_weights(**{name: variable.numpy() for name, variable in weights.items()})]


def rounded_outputs(graph: Graph) -> set[str]:
    """The nodes whose output an integer model stores with a scale of its own.

    A ReLU behind a convolution or sum is fused with it, so what is between them is
    never stored; padding, pooling and the like keep the scale of what they take.
    """
    names = set()
    for node in graph.nodes:
        consumers = graph.consumers(node.name)
        is_fused = len(consumers) == 1 and node.op in _FUSED and _is_clamp(consumers[0])
        if node.op not in KEEPS_RANGE and not is_fused:
            names.add(node.name)
    return names


def _is_clamp(node: Node) -> bool:
    return node.op == "activation" and node.attributes["function"] in ("relu", "relu6")
