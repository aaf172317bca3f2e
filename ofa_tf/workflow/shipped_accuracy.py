"""Accuracies of subnets as the quantized models that will be shipped, and tables lowered by what some of them lose.

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
from ofa_tf.tflite.quantization.model_form import ModelForm
from ofa_tf.training.evaluation import Evaluator, count_in_halves

# Fewer losses do not tell whether they grow with the accuracy.
_MIN_ARCHS_FOR_SLOPE = 6


def measure_as_shipped(evaluator: Evaluator, arch: Arch, split: str, form: ModelForm) -> AccuracyCount:
    """Calibrate a subnet, convert it and count the images that the TFLite model gets right.

    It is the model before remedies: where int8 loses more than the gate lets pass, an export may do better.

    Args:
        evaluator: Of the supernet and the data set.
        arch: The subnet.
        split: A name in `SHARES`.
        form: In which form. What the model takes as an image does not count: all are normalised.

    Returns:
        What it gets right; the halves are those of `Evaluator.measure`.
    """
    evaluator.calibrate(arch)
    subnet = extract_subnet(evaluator.supernet, arch)
    options = ExportOptions(quantization=form.mode.name, target=form.target.name)
    images = evaluator.training_images(arch.image_size, options.num_representative_images)
    model = TFLiteModel(to_tflite(subnet, form.mode.name, images, target=form.target.name))

    counts = np.zeros((2, 2), int)
    for batch in evaluator.eval_batches(arch.image_size, split, with_positions=True):
        pixels, labels, positions = (np.asarray(values) for values in batch)
        is_right = model.predict(pixels).argmax(axis=-1) == labels
        counts += count_in_halves(is_right, positions)
    (correct_1, correct_2), (images_1, images_2) = counts.tolist()
    return AccuracyCount(num_correct=(correct_1, correct_2), num_images=(images_1, images_2))


def correct_table(
    table: AccuracyTable, measure: Callable[[Arch], AccuracyCount], num_archs: int
) -> tuple[AccuracyTable, float]:
    """Lower a table of float accuracies by what models lose in quantization, measured on some of its archs.

    These are of the better half of the table, as who wins is: archs that get little right have little to lose.

    Args:
        table: Float accuracies.
        measure: Measures an arch as it is shipped, on the images of the table.
        num_archs: Archs that are measured: from all along the better half of the table, by their accuracy; where that
            is smaller, so many of the best.

    Returns:
        The table of accuracies as shipped, in which the archs that were measured so are as they were measured, and
        the others are marked as computed; and by how much the former are less accurate on average.
    """
    num_measured = min(num_archs, len(table))
    num_candidates = max(num_measured, len(table) - len(table) // 2)
    candidates = np.argsort(table.top1, kind="stable")[-num_candidates:]
    places = np.linspace(0, num_candidates - 1, num_measured)
    rows = candidates[places.round().astype(int)]
    genes = table.space.canonical_genes(table.genes[rows])
    measurements = []
    for arch in table.space.decode(genes):
        measurement = measure(arch)
        check_num_images(measurement, table.num_images)
        measurements.append(measurement)
    losses = table.top1[rows] - [measurement.top1 for measurement in measurements]
    model = _LossModel.fit(table.top1[rows], losses)

    num_images = np.asarray(table.num_images)
    lost = model.predict(table.top1)[:, np.newaxis] * num_images
    shifted = np.rint(table.num_correct - lost).astype(np.int64)
    num_correct = np.clip(shifted, 0, num_images)
    correction = Correction(
        genes=frozenset(map(tuple, table.space.canonical_genes(table.genes).tolist())),
        std=model.std,
    )
    corrected = dataclasses.replace(table, num_correct=num_correct, correction=correction)
    return corrected.with_measured(genes, measurements), model.mean_loss


@dataclasses.dataclass(frozen=True)
class _LossModel:
    """What an arch loses in quantization, by its float accuracy: a line.

    Args:
        mean_loss: Of the archs that it was fitted to.
        mean_top1: Their mean float accuracy.
        slope: By how much more is lost per float accuracy.
        std: Standard deviation of losses from the line.
    """

    mean_loss: float
    mean_top1: float
    slope: float
    std: float

    @classmethod
    def fit(cls, top1: np.ndarray, losses: np.ndarray) -> "_LossModel":
        """Fit to losses `(n,)` of archs of float accuracies `(n,)`.

        The slope is pulled to 0 the more, the less of the losses it explains beyond chance. Few archs get none.

        Reference: Efron and Morris, "Stein's Estimation Rule and Its Competitors", 1973.
        """
        mean_loss = float(losses.mean())
        mean_top1 = float(top1.mean())
        num_archs = len(losses)
        if num_archs == 1:
            # One loss does not tell how much others differ, and is taken itself.
            return cls(mean_loss, mean_top1, slope=0.0, std=abs(mean_loss))

        deviations = losses - mean_loss
        centered = top1 - mean_top1
        squares = np.square(centered).sum()
        slope, trust = 0.0, 0.0
        if num_archs >= _MIN_ARCHS_FOR_SLOPE and squares > 0:
            slope = float(centered @ deviations / squares)
            explained = slope**2 * squares
            by_chance = np.square(deviations - slope * centered).sum() / (num_archs - 2)
            if explained > by_chance:
                trust = float(1 - by_chance / explained)
        slope *= trust
        residuals = deviations - slope * centered
        variance = np.square(residuals).sum() / (num_archs - 1 - trust)
        return cls(mean_loss, mean_top1, slope, float(np.sqrt(variance)))

    def predict(self, top1: np.ndarray) -> np.ndarray:
        """Expected losses of archs of some float accuracies, `(n,)`."""
        return self.mean_loss + self.slope * (top1 - self.mean_top1)
