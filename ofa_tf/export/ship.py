"""Shipping a subnet: convert, measure the accuracy of the result, write it with its sidecar."""

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ofa_tf import cost
from ofa_tf.arch import Arch
from ofa_tf.export.inference import TFLiteModel
from ofa_tf.export.sidecar import save_tflite
from ofa_tf.export.tflite import to_tflite
from ofa_tf.presets import get_search_space

_NUM_THREADS = min(4, os.cpu_count() or 1)  # to measure accuracies; small models gain nothing from more


def ship(
    subnet: keras.Model,
    arch: Arch,
    path: str | Path,
    quantization: str,
    representative_images: Iterable[np.ndarray] | None,
    test_batches: Iterable[tuple[Any, Any]] | None,
    class_names: tuple[str, ...] | None,
    normalization: tuple[tuple[float, ...], tuple[float, ...]],
) -> dict[str, Any]:
    """Convert a subnet, measure the converted model's accuracy and write it.

    Args:
        subnet: Plain Keras model with calibrated BN statistics.
        arch: What `subnet` is; its image size need not be a choice of the space.
        path: Target, ending in `.tflite`; the sidecar lies beside it.
        quantization: See `to_tflite`.
        representative_images: Arrays of normalised training images; `None` if
            the quantization needs none.
        test_batches: Normalised images and labels that the accuracy is measured
            on, with the LiteRT interpreter; `None`: it is not measured.
        class_names: Names of the classes, if they are known.
        normalization: Mean and standard deviation of the pixels.

    Returns:
        `path`, `size_bytes`, `top1` (`None` if it was not measured), `num_macs`
        and `num_params`.
    """
    content = to_tflite(subnet, quantization, representative_images)
    space, num_classes = get_search_space(arch.space), int(subnet.output_shape[-1])
    parts = space.plain_parts(dataclasses.replace(arch, image_size=space.image_sizes[0])).values()
    facts = {
        "top1": None if test_batches is None else tflite_top1(content, test_batches),
        **cost.count_parts(parts, arch.image_size, num_classes),
    }
    mean, std = normalization
    save_tflite(path, content, arch, quantization, num_classes, mean, std, class_names, facts)
    return {"path": str(path), "size_bytes": len(content), **facts}


def tflite_top1(model: bytes | str | Path, batches: Iterable[tuple[Any, Any]]) -> float:
    """Top-1 accuracy in [0, 1] of a TFLite model on normalised images and labels."""
    runner = TFLiteModel(model, num_threads=_NUM_THREADS)
    num_correct = num_images = 0
    for images, labels in batches:
        predicted = runner.predict(np.asarray(images)).argmax(axis=-1)
        num_correct += int((predicted == np.asarray(labels)).sum())
        num_images += len(predicted)
    return num_correct / num_images
