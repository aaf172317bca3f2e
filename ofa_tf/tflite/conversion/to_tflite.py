"""Keras subnet to TFLite: conversion and quantization. `ship.py` measures and writes the result."""

from collections.abc import Iterable, Sequence

import keras
import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.conversion.draft import Draft
from ofa_tf.tflite.conversion.options import ACTIVATION_BITS, ExportOptions, FineTuning
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.graph.keras_reader import read_keras
from ofa_tf.tflite.lowering.rewrites import fold_batch_norm, lower


def to_tflite(
    subnet: keras.Model,
    quantization: str = "none",
    representative_images: Iterable[np.ndarray] | None = None,
    lowering: str | Sequence[str] = "all",
    input_format: InputFormat | None = None,
    fine_tuning: FineTuning | None = None,
) -> bytes:
    """Convert a subnet to a TFLite model of batch 1.

    Args:
        subnet: Model of one fixed-size image input, as `build_subnet` and
            `extract_subnet` make it.
        quantization: One of
            `"none"`: float32;
            `"float16"`: float16 weights, float32 arithmetic;
            `"dynamic"`: int8 weights (but for depthwise convolutions), activations
            quantized as they come;
            `"int8"`: int8 weights (a scale a channel), activations, input and output;
            `"int16x8"`: the same with int16 activations, input and output. More
            exact, but CPU kernels for it are slow;
            `"qat"`: like `"int8"`, after fine-tuning with simulated rounding.
        representative_images: Arrays of normalised images, each of shape
            `(n, size, size, 3)` with any `n`; they set the ranges of the
            activations. Needed by `"int8"`, `"int16x8"` and `"qat"`, unused otherwise.
            A hundred images that look like those of the application are enough.
        lowering: Rewrites into operators that LiteRT's CPU kernels run well, see
            `lower`: `"all"`, `"none"` (for other delegates) or names of some.
        input_format: What the model shall take; normalised images by default, in
            int8 or int16 if it is quantized to that.
        fine_tuning: What `"qat"` trains on.

    Returns:
        Content of the `.tflite` file.

    Raises:
        InputError: If `quantization` or `lowering` is unknown, the subnet has
            layers that cannot be converted, or the representative images are
            missing, empty or of another size than the subnet's.
    """
    return make_draft(subnet, quantization, representative_images, lowering, input_format, fine_tuning).convert()


def make_draft(
    subnet: keras.Model,
    quantization: str = "none",
    representative_images: Iterable[np.ndarray] | None = None,
    lowering: str | Sequence[str] = "all",
    input_format: InputFormat | None = None,
    fine_tuning: FineTuning | None = None,
) -> Draft:
    """What `to_tflite` converts; arguments as there."""
    input_format = input_format or InputFormat()
    ExportOptions(quantization, lowering, input_format.input_type)  # checks them
    image_shape = _image_shape(subnet)
    if quantization not in ACTIVATION_BITS:
        graph = lower(input_format.prepend_to(read_keras(subnet)), lowering)
        return Draft(graph, quantization, input_format.is_uint8)
    if quantization == "qat" and fine_tuning is None:
        raise InputError("Expected `fine_tuning`, training images with labels, for quantization='qat'. Received: none.")
    images = check_images(quantization, representative_images, image_shape, input_format)
    # Converters fold anyway; what is measured, mended and trained must be what is rounded.
    graph = fold_batch_norm(input_format.prepend_to(read_keras(subnet)))
    graph = lower(graph, lowering, quantized=True)
    draft = Draft(graph, quantization, input_format.is_uint8).with_graph(graph, images)
    if fine_tuning is None or quantization != "qat":
        return draft
    from ofa_tf.tflite.quantization.qat import fine_tune

    graph, ranges = fine_tune(draft.graph, draft.ranges, subnet, input_format, fine_tuning)
    draft = draft.with_graph(graph, images)
    return draft.with_ranges({**draft.ranges, **ranges})


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
        if len(batch):
            checked.append(input_format.denormalize(batch))
    if not checked:
        raise InputError(
            f"Expected {rule} for quantization={quantization!r}. "
            f"Received: {'none' if batches is None else 'no image at all'}. Pass some normalised training images."
        )
    return checked
