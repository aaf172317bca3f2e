"""The gate: a converted model is compared with the network it was made from before it gets its name."""

import dataclasses
import os
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.litert.delegation import Execution, inspect_execution
from ofa_tf.tflite.litert.interpreter import TFLiteModel

FLOAT_TOLERANCE = 1e-4  # of an image's largest logit, for models in float32
_TOLERANCES_WITHOUT_LABELS = {"float16": 1e-2}  # of others than these:
_TOLERANCE_WITHOUT_LABELS = 0.5
_NUM_THREADS = min(4, os.cpu_count() or 1)  # small models gain nothing from more

Batches = Iterable[tuple[Any, Any]]  # normalised images and labels


@dataclasses.dataclass(frozen=True)
class Reference:
    """What a network says of some images before conversion.

    Args:
        logits: float32, shape `(num_images, num_classes)`.
        labels: True classes, shape `(num_images,)`; `None`: they are not known.
    """

    logits: np.ndarray
    labels: np.ndarray | None

    @classmethod
    def measure(cls, network: keras.Model, batches: Batches) -> "Reference":
        """Run a Keras network on batches of images and labels (`None`: not known)."""
        logits, labels = [], []
        for images, classes in batches:
            logits.append(np.asarray(network(images, training=False), np.float32))
            labels.append(classes)
        has_labels = bool(labels) and all(classes is not None for classes in labels)
        return cls(np.concatenate(logits), np.concatenate([np.asarray(c) for c in labels]) if has_labels else None)

    @property
    def top1(self) -> float | None:
        """Top-1 accuracy in [0, 1]."""
        return None if self.labels is None else _top1(self.logits, self.labels)


@dataclasses.dataclass(frozen=True)
class GateReport:
    """A converted model beside the network it was made from.

    Args:
        num_images: Number of images both ran on.
        max_relative_error: Largest difference of a logit, over the largest logit of
            the image.
        agreement: Share of images with the same first class.
        mean_kl: Mean Kullback-Leibler divergence of the classes' probabilities
            from the network's, nats.
        top1: Top-1 accuracy in [0, 1]; `None` without labels.
        reference_top1: That of the network.
        execution: Who runs what, see `inspect_execution`.
        size_bytes: Size of the model.
    """

    num_images: int
    max_relative_error: float
    agreement: float
    mean_kl: float
    top1: float | None
    reference_top1: float | None
    execution: Execution
    size_bytes: int

    def facts(self) -> dict[str, Any]:
        """The report as plain data."""
        facts = dataclasses.asdict(self)
        return {**{name: value for name, value in facts.items() if name != "execution"}, **facts["execution"]}


def compare(content: bytes, reference: Reference, batches: Batches) -> GateReport:
    """Run a converted model on the images of a reference.

    Args:
        content: Content of the `.tflite` file.
        reference: What the network says.
        batches: The same images again.

    Raises:
        InputError: If LiteRT cannot run the model, or the images are others in
            number.
    """
    model = TFLiteModel(content, num_threads=_NUM_THREADS)
    logits = np.concatenate([model.predict(np.asarray(images)) for images, _ in batches])
    if logits.shape != reference.logits.shape:
        raise InputError(
            f"Expected the images of the reference, with logits of shape {reference.logits.shape}. "
            f"Received: logits of shape {logits.shape}."
        )
    expected = reference.logits
    return GateReport(
        num_images=len(logits),
        max_relative_error=_max_relative_error(expected, logits),
        agreement=float((logits.argmax(-1) == expected.argmax(-1)).mean()),
        mean_kl=_mean_kl(expected, logits),
        top1=None if reference.labels is None else _top1(logits, reference.labels),
        reference_top1=reference.top1,
        execution=inspect_execution(content),
        size_bytes=len(content),
    )


def find_fault(report: GateReport, quantization: str, max_accuracy_drop: float) -> str | None:
    """What keeps a model from being shipped, in words; `None`: nothing.

    Args:
        report: From `compare`.
        quantization: See `to_tflite`. Float models must compute what the network
            computes; others may lose some accuracy.
        max_accuracy_drop: Largest loss of top-1 accuracy, in [0, 1].
    """
    if not np.isfinite([report.max_relative_error, report.mean_kl]).all():
        return "not all of its logits are finite"
    if quantization == "none":
        # Classes whose logits are equal within the tolerance may change places; the error bounds that.
        return _find_difference(report, FLOAT_TOLERANCE)
    if report.top1 is None or report.reference_top1 is None:
        return _find_difference(report, _TOLERANCES_WITHOUT_LABELS.get(quantization, _TOLERANCE_WITHOUT_LABELS))
    drop = report.reference_top1 - report.top1
    if not drop <= max_accuracy_drop + 1e-9:
        return (
            f"top-1 fell from {report.reference_top1:.2%} to {report.top1:.2%} on {report.num_images} images "
            f"(at most {100 * max_accuracy_drop:g} points), mean KL {report.mean_kl:.3f}"
        )
    return None


def _find_difference(report: GateReport, tolerance: float) -> str | None:
    if report.max_relative_error <= tolerance:
        return None
    return f"its logits differ by {report.max_relative_error:.1e} of the largest (at most {tolerance:.0e})"


def _max_relative_error(expected: np.ndarray, logits: np.ndarray) -> float:
    largest = np.maximum(np.abs(expected).max(-1, keepdims=True), np.finfo(np.float32).tiny)
    return float((np.abs(logits - expected) / largest).max())


def _top1(logits: np.ndarray, labels: np.ndarray) -> float:
    return float((logits.argmax(axis=-1) == labels).mean())


def _mean_kl(expected: np.ndarray, actual: np.ndarray) -> float:
    log_p, log_q = (_log_softmax(logits.astype(np.float64)) for logits in (expected, actual))
    return float((np.exp(log_p) * (log_p - log_q)).sum(axis=-1).mean())


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
