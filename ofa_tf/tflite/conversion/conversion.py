"""`Conversion`: all that turns a graph into a TFLite model, before it is run."""

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from ofa_tf.tflite.conversion.converter import convert_float_graph
from ofa_tf.tflite.graph.graph import INPUT, Graph, Node
from ofa_tf.tflite.graph.output_format import COMPUTED_LOGITS, OutputFormat
from ofa_tf.tflite.litert.flatbuffer import repack_classifier
from ofa_tf.tflite.lowering.rewrites import split_into_operators
from ofa_tf.tflite.quantization.dead_channels import lift_kernels, widen_ranges
from ofa_tf.tflite.quantization.modes import NOT_QUANTIZED, QuantizationMode
from ofa_tf.tflite.quantization.quantizer import quantize_model, quantize_weights
from ofa_tf.tflite.quantization.ranges import Range, measure_ranges

_RANGE_OF_BYTES = (0.0, 255.0)


@dataclasses.dataclass(frozen=True)
class Conversion:
    """A graph, lowered, with all that decides how it is converted.

    It is plain data: a remedy changes a field and the result is converted again.

    Args:
        graph: What is converted; batch 1. Heights and widths that it leaves open
            can be set later by the interpreter.
        mode: How weights and activations are quantized.
        takes_uint8: Whether the model takes uint8, which the graph sees as
            numbers from 0 to 255.
        output_format: What it gives.
        ranges: Of the input and all nodes, see `measure_ranges`; needed where
            activations become integers.
        float_nodes: Names of nodes that stay float where others do not.
        bias_shifts: What to take from the biases of nodes that do not stay float, an
            array of shape `(channels,)` by the name of the node.
        remedies: What was done to the graph and the ranges for the sake of
            accuracy, in words.
    """

    graph: Graph
    mode: QuantizationMode = NOT_QUANTIZED
    takes_uint8: bool = False
    output_format: OutputFormat = COMPUTED_LOGITS
    ranges: Mapping[str, Range] = dataclasses.field(default_factory=dict)
    float_nodes: tuple[str, ...] = ()
    bias_shifts: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    remedies: tuple[str, ...] = ()

    def with_graph(self, graph: Graph, images: Iterable[np.ndarray]) -> "Conversion":
        """The same of another graph, with ranges measured on images as it takes them.

        Raises:
            InputError: If an output is not finite.
        """
        graph = split_into_operators(graph)
        ranges = measure_ranges(graph, images)
        return dataclasses.replace(self, graph=graph).with_ranges(ranges)

    def with_ranges(self, ranges: Mapping[str, Range]) -> "Conversion":
        """The same with other ranges; that of uint8 images is known: a camera's numbers are taken as they are."""
        if self.takes_uint8:
            ranges = {**ranges, INPUT: _RANGE_OF_BYTES}
        return dataclasses.replace(self, ranges=ranges)

    def run(self) -> bytes:
        """Convert.

        Returns:
            Content of the `.tflite` file.

        Raises:
            InputError: If the last layer stays float, and the output shall be integers.
        """
        return repack_classifier(self._convert(), self.output_format)

    def _convert(self) -> bytes:
        if self.mode.activation_bits is not None:
            return self._run_integer(self.mode.activation_bits)
        float16_weights = self.mode.weight_bits == 16
        content = convert_float_graph(
            self.graph,
            float16_weights=float16_weights,
            takes_uint8=self.takes_uint8,
        )
        if self.mode.weight_bits == 8:
            return quantize_weights(content)
        return content

    def _run_integer(self, activation_bits: int) -> bytes:
        ranges = widen_ranges(self.ranges)
        corrected = self.graph.map(self._shift_bias)
        lifted = lift_kernels(corrected, ranges, activation_bits, self.float_nodes)
        return quantize_model(
            convert_float_graph(lifted),
            lifted,
            ranges,
            activation_bits=activation_bits,
            takes_uint8=self.takes_uint8,
            float_nodes=self.float_nodes,
        )

    def _shift_bias(self, node: Node) -> list[Node]:
        if node.name not in self.bias_shifts or node.name in self.float_nodes:
            return [node]
        bias = node.bias - self.bias_shifts[node.name]
        return [node.with_weights(bias=bias)]
