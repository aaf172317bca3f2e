"""Models that are only to be measured: random images set the ranges of their activations."""

import keras

from ofa_tf.tflite.conversion.conversion import Conversion
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.conversion.representative_images import random_images
from ofa_tf.tflite.graph.graph import Graph
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.quantization.model_form import ModelForm
from ofa_tf.tflite.quantization.modes import QuantizationMode


def convert_graph_for_measuring(graph: Graph, mode: QuantizationMode, takes_uint8: bool = False) -> bytes:
    """Convert a graph that is lowered already.

    Args:
        graph: What to convert; heights and widths that it leaves open can be set
            later by the interpreter.
        mode: How to quantize it.
        takes_uint8: Whether it takes whole numbers from 0 to 255.

    Returns:
        Content of the `.tflite` file.
    """
    conversion = Conversion(graph, mode, takes_uint8)
    if mode.needs_images:
        conversion = conversion.with_graph(graph, [random_images(graph.input_shape)])
    return conversion.run()


def convert_subnet_for_measuring(subnet: keras.Model, form: ModelForm) -> bytes:
    """Convert a subnet as `to_tflite` does.

    Args:
        subnet: See `to_tflite`.
        form: In which form.

    Returns:
        Content of the `.tflite` file.
    """
    images = None
    if form.mode.needs_images:
        images = [random_images(tuple(subnet.input_shape[1:]))]
    return to_tflite(
        subnet,
        form.mode.name,
        images,
        input_format=InputFormat.with_any_numbers(form.input_type),
        target=form.target.name,
    )
