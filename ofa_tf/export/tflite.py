"""Keras subnet to TFLite: conversion and quantization. `ship.py` measures and writes the result."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import keras
import numpy as np

from ofa_tf.errors import InputError
from ofa_tf.export.graph import INPUT, Graph
from ofa_tf.export.input_format import InputFormat
from ofa_tf.export.integer import quantize_model
from ofa_tf.export.keras_reader import read_keras
from ofa_tf.export.lowering import lower
from ofa_tf.export.options import ACTIVATION_BITS, ExportOptions
from ofa_tf.export.ranges import Range, measure_ranges
from ofa_tf.native_log import withheld_stderr


def to_tflite(
    subnet: keras.Model,
    quantization: str = "none",
    representative_images: Iterable[np.ndarray] | None = None,
    lowering: str | Sequence[str] = "all",
    input_format: InputFormat | None = None,
) -> bytes:
    """Convert a subnet to a TFLite model of batch 1.

    Args:
        subnet: Model of one fixed-size image input, as `build_subnet` and
            `extract_subnet` make it.
        quantization: One of
            `"none"`: float32;
            `"float16"`: float16 weights, float32 arithmetic;
            `"dynamic"`: int8 weights, activations quantized as they come;
            `"int8"`: int8 weights (a scale a channel), activations, input and output;
            `"int16x8"`: the same with int16 activations, input and output. More
            exact, but CPU kernels for it are slow.
        representative_images: Arrays of normalised images, each of shape
            `(n, size, size, 3)` with any `n`; they set the ranges of the
            activations. Needed by `"int8"` and `"int16x8"`, unused otherwise.
            A hundred images that look like those of the application are enough.
        lowering: Rewrites into operators that LiteRT's CPU kernels run well, see
            `lower`: `"all"`, `"none"` (for other delegates) or names of some.
        input_format: What the model shall take; normalised images by default, in
            int8 or int16 if it is quantized to that.

    Returns:
        Content of the `.tflite` file.

    Raises:
        InputError: If `quantization` or `lowering` is unknown, the subnet has
            layers that cannot be converted, or the representative images are
            missing, empty or of another size than the subnet's.
    """
    input_format = input_format or InputFormat()
    ExportOptions(quantization, lowering, input_format.input_type)  # checks them
    image_shape = _image_shape(subnet)
    images = []
    if quantization in ACTIVATION_BITS:
        images = check_images(quantization, representative_images, image_shape, input_format)
    graph = inference_graph(subnet, quantization, lowering, input_format)
    if quantization not in ACTIVATION_BITS:
        return convert(graph, quantization, input_format.is_uint8)
    return convert_to_integer(
        graph, measure_ranges(graph, images), ACTIVATION_BITS[quantization], input_format.is_uint8
    )


def inference_graph(
    subnet: keras.Model, quantization: str, lowering: str | Sequence[str], input_format: InputFormat
) -> Graph:
    """What `to_tflite` converts; arguments as there."""
    is_quantized = quantization in ACTIVATION_BITS
    return lower(input_format.prepend_to(read_keras(subnet)), lowering, quantized=is_quantized)


def convert(graph: Graph, quantization: str = "none", takes_uint8: bool = False) -> bytes:
    """Convert a graph with float activations; batch 1.

    A concrete function without variables goes straight to the converter's
    frozen-graph path, which is several times faster than
    `TFLiteConverter.from_keras_model`.

    Args:
        graph: What to convert. Heights and widths that it leaves open can be set
            later by the interpreter.
        quantization: `"none"`, `"float16"` or `"dynamic"`, see `to_tflite`.
        takes_uint8: Whether the model takes uint8, which the graph sees as
            numbers from 0 to 255.
    """
    import tensorflow as tf

    from ofa_tf.export.graph_function import run_graph

    kind = tf.uint8 if takes_uint8 else tf.float32
    signature = [tf.TensorSpec((1, *graph.input_shape), kind, name=INPUT)]
    function = tf.function(
        lambda x: run_graph(graph, tf.cast(x, tf.float32)), input_signature=signature, autograph=False
    )
    with withheld_stderr():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
        if quantization != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantization == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())


def convert_to_integer(
    graph: Graph,
    ranges: Mapping[str, Range],
    activation_bits: int = 8,
    takes_uint8: bool = False,
    float_nodes: Collection[str] = (),
) -> bytes:
    """Convert a graph to a model with integer activations; batch 1.

    Args:
        graph: See `convert`.
        ranges: Of the input and all nodes, see `measure_ranges`.
        activation_bits: 8 or 16.
        takes_uint8: See `convert`; the range of the input is then 0 to 255.
        float_nodes: Names of nodes that stay float.
    """
    if takes_uint8:
        # A scale of 1, whatever the images: a camera's numbers are taken as they are.
        ranges = {**ranges, INPUT: (0.0, 255.0)}
    return quantize_model(convert(graph), graph, ranges, activation_bits, takes_uint8, float_nodes)


def _image_shape(subnet: keras.Model) -> tuple[int, ...]:
    inputs = getattr(subnet, "inputs", None)
    shape = tuple(inputs[0].shape) if inputs and len(inputs) == 1 else None
    if shape is None or len(shape) != 4 or None in shape[1:]:
        raise InputError(
            "Expected `subnet` to be a functional Keras model of one image input with a fixed size. "
            f"Received: {type(subnet).__name__} with the input {shape}. Use extract_subnet or build_subnet."
        )
    return shape[1:]


def check_images(
    quantization: str,
    batches: Iterable[np.ndarray] | None,
    image_shape: tuple[int | None, ...],
    input_format: InputFormat,
) -> list[np.ndarray]:
    """Representative images as the model takes them, in batches.

    Raises:
        InputError: If there are none, or they are not normalised images of the
            shape.
    """
    rule = f"representative images of shape (n, {', '.join(str(size) for size in image_shape)})"
    if isinstance(batches, np.ndarray) and batches.ndim == 4:
        batches = [batches]
    checked = []
    for batch in batches if batches is not None else []:
        batch = np.asarray(batch)
        if batch.ndim != 4 or batch.shape[1:] != image_shape:
            raise InputError(
                f"Expected {rule}. Received: shape {batch.shape}. "
                "Prepare the images at the subnet's image size, in batches."
            )
        if not np.issubdtype(batch.dtype, np.floating):
            raise InputError(
                f"Expected {rule}, normalised as for training (float32). Received: {batch.dtype}. "
                "Subtract the mean and divide by the standard deviation first."
            )
        if not np.isfinite(batch).all():
            raise InputError(f"Expected {rule} to be finite. Received: NaN or infinite values.")
        checked.append(input_format.denormalize(batch))
    if not sum(len(batch) for batch in checked):
        raise InputError(
            f"Expected {rule} for quantization={quantization!r}. "
            f"Received: {'none' if batches is None else 'no image at all'}. Pass some normalised training images."
        )
    return checked
