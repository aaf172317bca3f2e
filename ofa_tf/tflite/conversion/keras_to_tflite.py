"""Keras subnet to TFLite: conversion and quantization. `shipping/ship_subnet.py` measures and writes the result."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.conversion.conversion import Conversion
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.conversion.representative_images import check_representative_images
from ofa_tf.tflite.graph.graph import Graph
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.graph.keras_reader import read_keras
from ofa_tf.tflite.graph.output_format import COMPUTED_LOGITS, OutputFormat
from ofa_tf.tflite.lowering.lowerings import lower
from ofa_tf.tflite.lowering.rewrites import fold_batch_norm
from ofa_tf.tflite.lowering.targets import get_target
from ofa_tf.tflite.quantization.fine_tuning import FineTuning


def to_tflite(
    subnet: keras.Model,
    quantization: str = "none",
    representative_images: Iterable[np.ndarray] | None = None,
    *,
    lowering: str | Sequence[str] = "all",
    input_format: InputFormat | None = None,
    fine_tuning: FineTuning | None = None,
    target: str = "cpu",
    output_format: OutputFormat | None = None,
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
        lowering: Rewrites into operators that the target runs well, see `lower`:
            `"all"` that pay on it, `"none"` (for other delegates) or names of some.
        input_format: What the model shall take; normalised images by default, in
            int8 or int16 if it is quantized to that.
        fine_tuning: What `"qat"` trains on.
        target: What will run the model, see `Target`.
        output_format: What the model shall give; logits by default, in the numbers that
            the quantization computes with.

    Returns:
        Content of the `.tflite` file.

    Raises:
        InputError: If `quantization`, `lowering` or `target` is unknown, a model in that
            quantization cannot take or give what the formats say, the subnet has layers
            that cannot be converted, or the representative images are missing, empty or
            of another size than the subnet's.
    """
    conversion = prepare_conversion(
        subnet,
        quantization,
        representative_images,
        lowering=lowering,
        input_format=input_format,
        fine_tuning=fine_tuning,
        target=target,
        output_format=output_format,
    )
    return conversion.run()


def prepare_conversion(
    subnet: keras.Model,
    quantization: str = "none",
    representative_images: Iterable[np.ndarray] | None = None,
    *,
    lowering: str | Sequence[str] = "all",
    input_format: InputFormat | None = None,
    fine_tuning: FineTuning | None = None,
    target: str = "cpu",
    output_format: OutputFormat | None = None,
) -> Conversion:
    """What `to_tflite` runs; arguments as there."""
    input_format = input_format or InputFormat()
    output_format = output_format or COMPUTED_LOGITS
    options = ExportOptions(
        quantization=quantization,
        lowering=lowering,
        input_type=input_format.input_type,
        target=target,
        output_type=output_format.output_type,
        has_softmax=output_format.has_softmax,
    )

    image_shape = _image_shape(subnet)
    if not options.mode.has_integer_activations:
        graph = _read_and_lower(subnet, options, input_format)
        return Conversion(graph, options.mode, input_format.is_uint8, output_format)

    if options.mode.needs_fine_tuning and fine_tuning is None:
        raise InputError(
            f"Expected `fine_tuning`, training images with labels, for quantization={quantization!r}. Received: none."
        )
    images = check_representative_images(
        representative_images,
        image_shape,
        input_format,
        quantization,
    )

    graph = _read_and_lower(subnet, options, input_format)
    conversion = Conversion(graph, options.mode, input_format.is_uint8, output_format)
    conversion = conversion.with_graph(graph, images)
    if fine_tuning is None or not options.mode.needs_fine_tuning:
        return conversion
    return _fine_tune(conversion, subnet, input_format, fine_tuning, images)


def _read_and_lower(
    subnet: keras.Model,
    options: ExportOptions,
    input_format: InputFormat,
) -> Graph:
    """The graph of a subnet that takes images of a format, rewritten for the target."""
    graph = input_format.prepend_to(read_keras(subnet))
    integer_activations = options.mode.has_integer_activations
    if integer_activations:
        # The converter folds anyway; what is measured, mended and trained must be what is rounded.
        graph = fold_batch_norm(graph)
    return lower(
        graph,
        options.lowering,
        integer_activations=integer_activations,
        target=get_target(options.target),
    )


def _fine_tune(
    conversion: Conversion,
    subnet: keras.Model,
    input_format: InputFormat,
    fine_tuning: FineTuning,
    images: Sequence[np.ndarray],
) -> Conversion:
    """The conversion with the weights and ranges that training with simulated rounding gives."""
    from ofa_tf.tflite.quantization.qat import fine_tune  # which loads tf_keras

    graph, learnt_ranges = fine_tune(
        conversion.graph,
        conversion.ranges,
        subnet,
        input_format,
        fine_tuning,
    )
    tuned = conversion.with_graph(graph, images)
    return tuned.with_ranges({**tuned.ranges, **learnt_ranges})


def _image_shape(subnet: keras.Model) -> tuple[int, ...]:
    """Height, width and channels of what a subnet takes."""
    inputs = getattr(subnet, "inputs", None)
    shape: tuple[Any, ...] | None = None
    if inputs and len(inputs) == 1:
        shape = tuple(inputs[0].shape)
    if shape is None or len(shape) != 4 or None in shape[1:]:
        raise InputError(
            "Expected `subnet` to be a functional Keras model of one image input with a fixed size. "
            f"Received: {type(subnet).__name__} with the input {shape}. Use extract_subnet or build_subnet."
        )
    return shape[1:]
