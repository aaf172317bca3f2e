"""Keras subnet to TFLite: conversion and quantization. `ship.py` measures and writes the result."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from ofa_tf.errors import InputError
from ofa_tf.export.graph import Graph
from ofa_tf.export.input_format import InputFormat
from ofa_tf.export.keras_reader import read_keras
from ofa_tf.export.lowering import lower
from ofa_tf.export.options import ExportOptions
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
            `"int8"`: int8 weights (per channel), activations, input and output.
        representative_images: Arrays of normalised images, each of shape
            `(n, size, size, 3)` with any `n`; they set the ranges of the
            activations. Needed by `"int8"`, unused otherwise.
            A hundred images that look like those of the application are enough.
        lowering: Rewrites into operators that LiteRT's CPU kernels run well, see
            `lower`: `"all"`, `"none"` (for other delegates) or names of some.
        input_format: What the model shall take; normalised images by default, in
            int8 if it is quantized to that.

    Returns:
        Content of the `.tflite` file.

    Raises:
        InputError: If `quantization` or `lowering` is unknown, the subnet has
            layers that cannot be converted, or the representative images are
            missing, empty or of another size than the subnet's.
    """
    ExportOptions(quantization, lowering)  # checks them
    input_format = input_format or InputFormat()
    image_shape = _image_shape(subnet)
    images = None
    if quantization == "int8":
        images = _ImageFeed(quantization, representative_images, image_shape, input_format)
    graph = inference_graph(subnet, quantization, lowering, input_format)
    return convert(graph, quantization, images, input_format.is_uint8)


def inference_graph(
    subnet: keras.Model, quantization: str, lowering: str | Sequence[str], input_format: InputFormat
) -> Graph:
    """What `to_tflite` converts; arguments as there."""
    return lower(input_format.prepend_to(read_keras(subnet)), lowering, quantized=quantization == "int8")


def convert(
    graph: Graph,
    quantization: str = "none",
    images: Callable[[], Iterator[list[np.ndarray]]] | None = None,
    takes_uint8: bool = False,
) -> bytes:
    """Convert a graph; batch 1.

    A concrete function without variables goes straight to the converter's
    frozen-graph path, which is several times faster than
    `TFLiteConverter.from_keras_model`.

    Args:
        graph: What to convert. Heights and widths that it leaves open can be set
            later by the interpreter.
        quantization: See `to_tflite`.
        images: Yields one-element lists of input arrays; called by the converter.
        takes_uint8: Whether the model takes uint8, which the graph sees as
            numbers from 0 to 255.
    """
    import tensorflow as tf

    from ofa_tf.export.graph_function import run_graph

    # An int8 model gets its type of input below.
    kind = tf.uint8 if takes_uint8 and quantization != "int8" else tf.float32
    signature = [tf.TensorSpec((1, *graph.input_shape), kind, name="images")]
    function = tf.function(
        lambda x: run_graph(graph, tf.cast(x, tf.float32)), input_signature=signature, autograph=False
    )
    with withheld_stderr():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
        configure_converter(converter, tf, quantization, images)
        if takes_uint8 and quantization == "int8":
            converter.inference_input_type = tf.uint8
        return bytes(converter.convert())


def configure_converter(converter: Any, tf: Any, quantization: str, images: Callable[[], Iterator[Any]] | None) -> None:
    """Set a `TFLiteConverter` up for a quantization; arguments as in `convert`."""
    if quantization == "none":
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif quantization == "int8":
        converter.representative_dataset = images
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8


def _image_shape(subnet: keras.Model) -> tuple[int, ...]:
    inputs = getattr(subnet, "inputs", None)
    shape = tuple(inputs[0].shape) if inputs and len(inputs) == 1 else None
    if shape is None or len(shape) != 4 or None in shape[1:]:
        raise InputError(
            "Expected `subnet` to be a functional Keras model of one image input with a fixed size. "
            f"Received: {type(subnet).__name__} with the input {shape}. Use extract_subnet or build_subnet."
        )
    return shape[1:]


class _ImageFeed:
    """Representative images, checked, to be fed one by one."""

    def __init__(
        self,
        quantization: str,
        batches: Iterable[np.ndarray] | None,
        image_shape: tuple[int | None, ...],
        input_format: InputFormat,
    ) -> None:
        self._image_shape = image_shape
        self._rule = f"representative images of shape (n, {', '.join(str(size) for size in image_shape)})"
        if batches is None:
            raise InputError(
                f"Expected {self._rule} for quantization={quantization!r}. Received: none. "
                "Pass some normalised training images."
            )
        if isinstance(batches, np.ndarray) and batches.ndim == 4:
            batches = [batches]
        # Reading everything now gives a clear error before the slow conversion starts.
        self._images = [image for batch in batches for image in input_format.denormalize(self._check(batch))]
        if not self._images:
            raise InputError(
                f"Expected {self._rule} for quantization={quantization!r}. Received: no image at all. "
                "Pass some normalised training images."
            )

        if input_format.is_uint8:
            # So that the input's scale is 1, whatever the images: a camera's numbers are then taken as they are.
            self._images[0][0, 0], self._images[0][-1, -1] = 0, 255

    def __call__(self) -> Iterator[list[np.ndarray]]:
        for image in self._images:
            yield [image[np.newaxis]]

    def _check(self, batch: np.ndarray) -> np.ndarray:
        batch = np.asarray(batch)
        if batch.ndim != 4 or batch.shape[1:] != self._image_shape:
            raise InputError(
                f"Expected {self._rule}. Received: shape {batch.shape}. "
                "Prepare the images at the subnet's image size, in batches."
            )
        if not np.issubdtype(batch.dtype, np.floating):
            raise InputError(
                f"Expected {self._rule}, normalised as for training (float32). Received: {batch.dtype}. "
                "Subtract the mean and divide by the standard deviation first."
            )
        if not np.isfinite(batch).all():
            raise InputError(f"Expected {self._rule} to be finite. Received: NaN or infinite values.")
        return batch.astype(np.float32, copy=False)
