"""`Draft`: a network on its way to a TFLite model."""

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from ofa_tf.tflite.conversion.converter import convert
from ofa_tf.tflite.conversion.options import ACTIVATION_BITS
from ofa_tf.tflite.graph.graph import INPUT, Graph, Node
from ofa_tf.tflite.lowering.rewrites import one_operator_a_node
from ofa_tf.tflite.quantization.dead_channels import lift_kernels, widen_ranges
from ofa_tf.tflite.quantization.quantizer import quantize_model, quantize_weights
from ofa_tf.tflite.quantization.ranges import Range, measure_ranges


@dataclasses.dataclass(frozen=True)
class Draft:
    """All that a conversion needs.

    Args:
        graph: What is converted; batch 1. Heights and widths that it leaves open
            can be set later by the interpreter.
        quantization: See `to_tflite`.
        takes_uint8: Whether the model takes uint8, which the graph sees as
            numbers from 0 to 255.
        ranges: Of the input and all nodes, see `measure_ranges`; needed where
            activations become integers.
        float_nodes: Names of nodes that stay float where others do not.
        bias_shifts: What to take from the biases of nodes that do not stay float, an
            array of shape `(channels,)` by the name of the node.
        remedies: What was done to the graph and the ranges for the sake of
            accuracy, in words.
    """

    graph: Graph
    quantization: str = "none"
    takes_uint8: bool = False
    ranges: Mapping[str, Range] = dataclasses.field(default_factory=dict)
    float_nodes: tuple[str, ...] = ()
    bias_shifts: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    remedies: tuple[str, ...] = ()

    def with_graph(self, graph: Graph, images: Iterable[np.ndarray]) -> "Draft":
        """The same of another graph, with ranges measured on images as it takes them.

        Raises:
            InputError: If an output is not finite.
        """
        graph = one_operator_a_node(graph)
        return dataclasses.replace(self, graph=graph).with_ranges(measure_ranges(graph, images))

    def with_ranges(self, ranges: Mapping[str, Range]) -> "Draft":
        """The same with other ranges; that of uint8 images is known: a camera's numbers are taken as they are."""
        return dataclasses.replace(self, ranges={**ranges, INPUT: (0.0, 255.0)} if self.takes_uint8 else ranges)

    def convert(self) -> bytes:
        """Content of the `.tflite` file."""
        if self.quantization == "dynamic":
            return quantize_weights(convert(self.graph, takes_uint8=self.takes_uint8))
        if self.quantization not in ACTIVATION_BITS:
            return convert(self.graph, self.quantization, self.takes_uint8)
        bits = ACTIVATION_BITS[self.quantization]
        ranges = widen_ranges(self.ranges)
        graph = lift_kernels(self.graph.map(self._shift_bias), ranges, bits, self.float_nodes)
        return quantize_model(convert(graph), graph, ranges, bits, self.takes_uint8, self.float_nodes)

    def _shift_bias(self, node: Node) -> list[Node]:
        if node.name not in self.bias_shifts or node.name in self.float_nodes:
            return [node]
        return [node.with_weights(bias=node.bias - self.bias_shifts[node.name])]
