"""Accuracies of subnets as the quantized models that will be shipped, and tables that are corrected by some of them.

A search for an int8 model that looks at float accuracies takes what loses most in quantization as readily as what
loses least.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_table import AccuracyTable, Correction, check_num_images
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.quantization.modes import QuantizationMode
from ofa_tf.training.evaluation import Evaluator


def measure_as_shipped(evaluator: Evaluator, arch: Arch, split: str, mode: QuantizationMode) -> AccuracyCount:
    """Calibrate a subnet, convert it and count the images that the TFLite model gets right.

    It is the model before remedies: where int8 loses more than the gate lets pass, an export may do better.

    Args:
        evaluator: Of the supernet and the data set.
        arch: The subnet.
        split: A name in `SHARES`.
        mode: How the model is quantized.

    Returns:
        What it gets right; the halves are those of `Evaluator.measure`.
    """
    evaluator.calibrate(arch)
    subnet = extract_subnet(evaluator.supernet, arch)
    options = ExportOptions(quantization=mode.name)
    images = evaluator.training_images(arch.image_size, options.num_representative_images)
    model = TFLiteModel(to_tflite(subnet, mode.name, images))

    num_correct = np.zeros(2, int)
    num_images = np.zeros(2, int)
    for batch in evaluator.eval_batches(arch.image_size, split, with_positions=True):
        pixels, labels, positions = (np.asarray(values) for values in batch)
        is_right = model.predict(pixels).argmax(axis=-1) == labels
        halves = positions % 2
        num_images += np.bincount(halves, minlength=2)
        num_correct += np.bincount(halves[is_right], minlength=2)
    first_correct, second_correct = num_correct.tolist()
    first_images, second_images = num_images.tolist()
    return AccuracyCount((first_correct, second_correct), (first_images, second_images))


def correct_table(
    table: AccuracyTable, measure: Callable[[Arch], AccuracyCount], num_archs: int
) -> tuple[AccuracyTable, float]:
    """Lower a table of float accuracies by what models lose in quantization, measured on some of its archs.

    Args:
        table: Float accuracies.
        measure: Measures an arch as it is shipped, on the images of the table.
        num_archs: Archs that are measured: from all along the table, by their accuracy.

    Returns:
        The table of accuracies as shipped, in which the archs that were measured so are as they were measured, and
        the others are marked as corrected; and by how much the former are less accurate on average.
    """
    by_accuracy = np.argsort(table.top1, kind="stable")
    places = np.linspace(0, len(by_accuracy) - 1, min(num_archs, len(by_accuracy)))
    rows = by_accuracy[np.unique(places.round().astype(int))]
    genes = table.space.canonical_genes(table.genes[rows])
    measurements = []
    for arch in table.space.decode(genes):
        measurement = measure(arch)
        check_num_images(measurement, table.num_images)
        measurements.append(measurement)
    losses = table.top1[rows] - [measurement.top1 for measurement in measurements]
    loss = float(np.mean(losses))

    num_images = np.asarray(table.num_images)
    shifted = np.rint(table.num_correct - loss * num_images).astype(np.int64)
    num_correct = np.clip(shifted, 0, num_images)
    correction = Correction(
        genes=frozenset(map(tuple, table.space.canonical_genes(table.genes).tolist())),
        std=_spread(losses),
    )
    corrected = dataclasses.replace(table, num_correct=num_correct, correction=correction)
    return corrected.with_measured(genes, measurements), loss


def _spread(losses: np.ndarray) -> float:
    """How much losses differ, as a standard deviation; one alone does not tell, and is taken itself."""
    if len(losses) == 1:
        return float(abs(losses[0]))
    return float(np.std(losses, ddof=1))
