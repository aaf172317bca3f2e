"""Shipping a subnet: convert, measure the accuracy of the result, write it with its sidecar."""

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
from ofa_tf.search_space import SearchSpace

_NUM_THREADS = min(4, os.cpu_count() or 1)  # to measure accuracies; small models gain nothing from more


def ship(
    subnet: keras.Model,
    space: SearchSpace,
    arch: Arch,
    path: str | Path,
    quantization: str,
    representative_images: Iterable[np.ndarray],
    test_batches: Iterable[tuple[Any, Any]],
    class_names: tuple[str, ...],
    normalization: tuple[tuple[float, ...], tuple[float, ...]],
) -> dict[str, Any]:
    """Convert a subnet, measure the converted model's accuracy and write it.

    Args:
        subnet: Plain Keras model with calibrated BN statistics.
        space: Search space of `arch`.
        arch: What `subnet` is.
        path: Target, ending in `.tflite`; the sidecar lies beside it.
        quantization: See `to_tflite`.
        representative_images: Arrays of normalised training images.
        test_batches: Normalised images and labels that the accuracy is measured
            on, with the LiteRT interpreter.
        class_names: Names of the classes.
        normalization: Mean and standard deviation of the pixels.

    Returns:
        `path`, `size_bytes`, `top1`, `num_macs` and `num_params`.
    """
    content = to_tflite(subnet, quantization, representative_images)
    facts = {
        "top1": tflite_top1(content, test_batches),
        "num_macs": cost.num_macs(space, arch, len(class_names)),
        "num_params": cost.num_params(space, arch, len(class_names)),
    }
    mean, std = normalization
    save_tflite(path, content, arch, quantization, len(class_names), mean, std, class_names, facts)
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
