"""The gate: a converted model is compared with the network it was made from before it gets its name.

`Reference` is what the network says of some images, `compare` runs the model on the
same ones, and `find_fault` and `find_broken_limit` decide.
"""

import dataclasses
import os
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.litert.delegation import Delegation, inspect_delegation
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.quantization.modes import QuantizationMode

_ROUNDING_OF_ACCURACIES = 1e-9  # a drop of exactly what is allowed is let through
_NUM_IMAGES_AT_ONCE = 32  # of which Keras keeps all activations until it is done
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
        logits: list[np.ndarray] = []
        labels: list[np.ndarray] = []
        for images, classes in batches:
            for first in range(0, len(images), _NUM_IMAGES_AT_ONCE):
                outputs = network(images[first : first + _NUM_IMAGES_AT_ONCE], training=False)
                logits.append(np.asarray(outputs, np.float32))
            if classes is not None:
                labels.append(np.asarray(classes))
        all_logits = np.concatenate(logits)
        all_labels = None
        if labels:
            all_labels = np.concatenate(labels)
            if len(all_labels) != len(all_logits):  # those of some images are not known
                all_labels = None
        return cls(all_logits, all_labels)

    @property
    def top1(self) -> float | None:
        """Top-1 accuracy of the network in [0, 1]; `None` without labels."""
        return self.top1_of(self.logits)

    def top1_of(self, logits: np.ndarray) -> float | None:
        """Top-1 accuracy of logits for the same images, in [0, 1]; `None` without labels."""
        if self.labels is None:
            return None
        is_right = logits.argmax(axis=-1) == self.labels
        return float(is_right.mean())


@dataclasses.dataclass(frozen=True)
class GateReport:
    """A converted model beside the network it was made from.

    Args:
        num_images: Number of images both ran on.
        max_relative_error: Largest difference of a logit, over the largest logit of
            the image, or of a typical image where that is larger.
        agreement: Share of images with the same first class.
        mean_kl: Mean Kullback-Leibler divergence of the classes' probabilities
            from the network's, nats.
        top1: Top-1 accuracy in [0, 1]; `None` without labels.
        reference_top1: That of the network.
        delegation: Who runs what, see `inspect_delegation`.
        size_bytes: Size of the model.
    """

    num_images: int
    max_relative_error: float
    agreement: float
    mean_kl: float
    top1: float | None
    reference_top1: float | None
    delegation: Delegation
    size_bytes: int

    def facts(self) -> dict[str, Any]:
        """The report as plain data."""
        facts = dataclasses.asdict(self)
        delegation: dict[str, Any] = facts.pop("delegation")
        return {**facts, **delegation}


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
    predicted = [model.predict(np.asarray(images)) for images, _ in batches]
    logits = np.concatenate(predicted)
    expected = reference.logits
    if logits.shape != expected.shape:
        raise InputError(
            f"Expected the images of the reference, with logits of shape {expected.shape}. "
            f"Received: logits of shape {logits.shape}."
        )

    has_same_class = logits.argmax(-1) == expected.argmax(-1)
    return GateReport(
        num_images=len(logits),
        max_relative_error=_max_relative_error(expected, logits),
        agreement=float(has_same_class.mean()),
        mean_kl=_mean_kl(expected, logits),
        top1=reference.top1_of(logits),
        reference_top1=reference.top1,
        delegation=inspect_delegation(content),
        size_bytes=len(content),
    )


def find_fault(
    report: GateReport,
    mode: QuantizationMode,
    max_accuracy_drop: float,
) -> str | None:
    """What keeps a model from being shipped, in words; `None`: nothing.

    Args:
        report: From `compare`.
        mode: How the model is quantized. An exact one must compute what the network
            computes; others may lose some accuracy.
        max_accuracy_drop: Largest loss of top-1 accuracy, in [0, 1].
    """
    if not np.isfinite([report.max_relative_error, report.mean_kl]).all():
        return "not all of its logits are finite"
    # Classes whose logits are equal within the tolerance may change places, so that the accuracy of an exact model
    # says less than the difference does.
    if mode.is_exact or report.top1 is None or report.reference_top1 is None:
        return _find_difference(report, mode.largest_difference)
    drop = report.reference_top1 - report.top1
    if drop <= max_accuracy_drop + _ROUNDING_OF_ACCURACIES:
        return None
    return (
        f"top-1 fell from {report.reference_top1:.2%} to {report.top1:.2%} on {report.num_images} images "
        f"(at most {100 * max_accuracy_drop:g} points), mean KL {report.mean_kl:.3f}"
    )


def find_broken_limit(report: GateReport, limits: Mapping[str, float]) -> str | None:
    """What of a model is larger than a search allowed, in words; `None`: nothing.

    Args:
        report: From `compare`.
        limits: Largest values by name; of those, `size_bytes` and `peak_ram_bytes` are
            known of a model.
    """
    facts = report.facts()
    for name, limit in limits.items():
        value = facts.get(name)
        if value is not None and value > limit:
            return f"{name}={value:,} (at most {limit:,.15g})"
    return None


def _find_difference(report: GateReport, tolerance: float) -> str | None:
    if report.max_relative_error <= tolerance:
        return None
    return f"its logits differ by {report.max_relative_error:.1e} of the largest (at most {tolerance:.0e})"


def _max_relative_error(expected: np.ndarray, logits: np.ndarray) -> float:
    """The largest difference of a logit, over the largest logit of its image, or of a typical image if that is larger.

    A logit is a sum whose terms are about as large for one image as for another, and so are the errors of their
    rounding. Where the terms happen to cancel out in all logits of an image, its largest logit says nothing of them,
    but that of a typical image, the median over all images, does.
    """
    largest = np.abs(expected).max(-1, keepdims=True)
    typical = np.median(largest)
    smallest_divisor = max(typical, np.finfo(np.float32).tiny)
    errors = np.abs(logits - expected) / np.maximum(largest, smallest_divisor)
    return float(errors.max())


def _mean_kl(expected: np.ndarray, actual: np.ndarray) -> float:
    """Mean over images of sum(p * (log p - log q)), with p the expected and q the actual probabilities."""
    log_p = _log_softmax(expected.astype(np.float64))
    log_q = _log_softmax(actual.astype(np.float64))
    terms = np.exp(log_p) * (log_p - log_q)
    return float(terms.sum(axis=-1).mean())


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    total = np.exp(shifted).sum(axis=-1, keepdims=True)
    return shifted - np.log(total)
