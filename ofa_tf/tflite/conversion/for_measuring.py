"""Models that are only to be measured: random images set the ranges of their activations."""

import keras

from ofa_tf.tflite.conversion.conversion import Conversion
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.conversion.representative_images import random_images
from ofa_tf.tflite.graph.graph import Graph
from ofa_tf.tflite.quantization.modes import QuantizationMode


def convert_graph_for_measuring(graph: Graph, mode: QuantizationMode) -> bytes:
    """Convert a graph that is lowered already.

    Args:
        graph: What to convert; heights and widths that it leaves open can be set
            later by the interpreter.
        mode: How to quantize it.

    Returns:
        Content of the `.tflite` file.
    """
    conversion = Conversion(graph, mode)
    if mode.needs_images:
        conversion = conversion.with_graph(graph, [random_images(graph.input_shape)])
    return conversion.run()


def convert_subnet_for_measuring(subnet: keras.Model, mode: QuantizationMode) -> bytes:
    """Convert a subnet as `to_tflite` does.

    Args:
        subnet: See `to_tflite`.
        mode: How to quantize it.

    Returns:
        Content of the `.tflite` file.
    """
    if not mode.needs_images:
        return to_tflite(subnet, mode.name)
    images = random_images(tuple(subnet.input_shape[1:]))
    return to_tflite(subnet, mode.name, representative_images=[images])
