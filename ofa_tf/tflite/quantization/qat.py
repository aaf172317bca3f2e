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
from ofa_tf.tflite.graph.graph import INPUT, KEEPS_RANGE, LINEAR, Graph, Node
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.quantization.fine_tuning import FineTuning
from ofa_tf.tflite.quantization.qat_layers import create_layer, round_output, variables
from ofa_tf.tflite.quantization.ranges import Range

_FUSES_A_CLAMP = (*LINEAR, "add", "multiply", "add_constant", "scale")  # operations that take a ReLU behind them in


def fine_tune(
    graph: Graph,
    ranges: Mapping[str, Range],
    teacher: keras.Model,
    input_format: InputFormat,
    tuning: FineTuning,
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
    with delayed_interrupts():  # something in tf_keras, while it builds and traces, swallowed a Ctrl-C
        twin = QuantizedTwin(graph, ranges)
    batches = _teach(teacher, input_format, tuning)

    num_done = 0
    for loss in twin.train(batches, _learning_rates(tuning)):
        num_done += 1
        if not np.isfinite(loss):
            raise InputError(f"Expected a finite loss. Received: {loss}. Take a lower --qat_learning_rate.")
    if num_done < tuning.num_steps:
        raise InputError(f"Expected {tuning.num_steps} batches to fine-tune on. Received: {num_done}.")
    return twin.read_back()


def _teach(
    teacher: keras.Model, input_format: InputFormat, tuning: FineTuning
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of images as the graph takes them, and the probabilities that it is to learn."""
    num_classes = int(teacher.output_shape[-1])

    @tf.function(autograph=False)
    def teach(images: tf.Tensor) -> tf.Tensor:
        logits = teacher(images, training=False)
        return tf.nn.softmax(logits)

    for images, labels in tuning.batches():
        images = input_format.round(images)
        true_classes = tf.one_hot(labels, num_classes)
        targets = (true_classes + teach(images)) / 2
        yield input_format.denormalize(images), targets.numpy()


def _learning_rates(tuning: FineTuning) -> np.ndarray:
    """One a step, along half a cosine from the full rate to 0."""
    progress = np.arange(tuning.num_steps) / tuning.num_steps
    return tuning.learning_rate * (1 + np.cos(np.pi * progress)) / 2


class QuantizedTwin:
    """A graph as a tf_keras network that computes what its int8 model will, and can be trained (fake quantization).

    Args:
        graph: Folded and lowered, as it will be converted.
        ranges: Ranges of its activations to start from, see `measure_ranges`.
    """

    def __init__(self, graph: Graph, ranges: Mapping[str, Range]) -> None:
        self._graph = graph
        output_ranges = {name: ranges[name] for name in rounded_outputs(graph)}

        images = tf_keras.Input(graph.input_shape)
        round_images = round_output(f"{INPUT}_rounded", ranges[INPUT])
        self._layers = {INPUT: round_images}
        values = {INPUT: round_images(images)}

        for node in graph.nodes:
            layer = create_layer(node, output_ranges.get(node.name))
            self._layers[node.name] = layer
            inputs = [values[name] for name in node.inputs]
            if len(inputs) == 1:  # A layer of one input takes a tensor, not a list of one.
                (inputs,) = inputs
            values[node.name] = layer(inputs)

        outputs = values[graph.nodes[-1].name]
        self.network = tf_keras.Model(images, outputs)

    def train(
        self,
        batches: Iterable[tuple[np.ndarray, np.ndarray]],
        learning_rates: Iterable[float],
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
            gradients = tape.gradient(loss, weights)
            optimizer.apply_gradients(zip(gradients, weights, strict=True))
            return loss

        for batch, learning_rate in zip(batches, learning_rates, strict=False):
            images, targets = batch
            optimizer.learning_rate = learning_rate
            with delayed_interrupts():
                loss = step(tf.convert_to_tensor(images), tf.convert_to_tensor(targets))
                loss = float(loss)
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
        kernel_name = "depthwise_kernel" if node.op == "depthwise_conv2d" else "kernel"
        weights = {"kernel": values[kernel_name].numpy()}
        if "bias" in node.weights:
            weights["bias"] = values["bias"].numpy()
        return [node.with_weights(**weights)]


def rounded_outputs(graph: Graph) -> set[str]:
    """The nodes whose output an integer model stores with a scale of its own.

    A ReLU behind a convolution or sum is fused with it, so what is between them is
    never stored; padding, pooling and the like keep the scale of what they take.
    """
    return {node.name for node in graph.nodes if _has_scale_of_its_own(graph, node)}


def _has_scale_of_its_own(graph: Graph, node: Node) -> bool:
    if node.op in KEEPS_RANGE:
        return False
    consumers = graph.consumers(node.name)
    is_fused = node.op in _FUSES_A_CLAMP and len(consumers) == 1 and _is_clamp(consumers[0])
    return not is_fused


def _is_clamp(node: Node) -> bool:
    return node.op == "activation" and node.attributes["function"] in ("relu", "relu6")
