"""The gate: a converted model is compared with the network it was made from before it gets its name.

`Reference` is what the network says of some images, `compare` runs the model on the
same ones, and `find_fault` and `find_broken_limit` decide. Images for validation decide;
those for testing only report, as what was chosen by them would flatter the model.

Accuracy alone lets wrong models pass: where nine of ten images are of one class, a model
that always answers with it is nine times right. What counts beside it is how much of the
network's answers is lost. The *information* of the network's answers is how far its
probabilities for an image are from their mean over all images, which is the best that a
model could say that looks at no image: the mean Kullback-Leibler divergence between both,
in nats. A model may be a small part of that away from the network. Where the network is
sure, logits may grow without changing its probabilities much; so their own differences
count, too, beside their variance over the images.
"""

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.litert.delegation import Delegation
from ofa_tf.tflite.litert.interpreter import SMALLEST_PROBABILITY, TFLiteModel
from ofa_tf.tflite.litert.micro_arena import MicroArena
from ofa_tf.tflite.lowering.targets import get_target
from ofa_tf.tflite.quantization.modes import QuantizationMode

# Of the information. A constant answer loses all of it, good int8 models at most 0.015 (docs/decisions/045).
_LARGEST_LOST_SHARE = 0.05
# Of the variance of the logits over the images; good int8 models lose at most 0.014.
_LARGEST_LOST_VARIANCE = 0.1
# Times a typical image's largest logit: a network whose logits vary less says nearly the same of all images.
_NEGLIGIBLE_DEVIATION = 0.05
# Nats: rounding may take so much from a network that says the same of all images.
_NEGLIGIBLE_KL = 0.01

_ROUNDING_OF_ACCURACIES = 1e-9  # a drop of exactly what is allowed is let through
_NUM_IMAGES_AT_ONCE = 32  # of which Keras keeps all activations until it is done
_NUM_IMAGES_UNTIL_TRACED = 512
_NUM_THREADS = min(4, os.cpu_count() or 1)  # small models gain nothing from more

NOT_FINITE = "not all of its logits are finite"

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
        run = _NetworkRunner(network)
        for images, classes in batches:
            for first in range(0, len(images), _NUM_IMAGES_AT_ONCE):
                logits.append(run(images[first : first + _NUM_IMAGES_AT_ONCE]))
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

    @property
    def guessed_top1(self) -> float | None:
        """The accuracy of always answering with the most frequent class, in [0, 1]; `None` without labels."""
        if self.labels is None:
            return None
        _, counts = np.unique(self.labels, return_counts=True)
        return float(counts.max() / counts.sum())

    def as_log_probabilities(self) -> "Reference":
        """The same with logarithms of probabilities for logits, as `TFLiteModel` makes of a model that gives those."""
        smallest = np.log(SMALLEST_PROBABILITY)
        logarithms = np.maximum(_log_softmax(self.logits), smallest)
        return dataclasses.replace(self, logits=logarithms.astype(np.float32))


class _NetworkRunner:
    """Runs a Keras network on batches of images: layer by layer, and as one graph where there are many.

    Tracing the graph takes seconds, and pays for itself in some hundred images: small networks are then eight
    times as fast, large ones nearly twice.

    Args:
        network: The network.
    """

    def __init__(self, network: keras.Model) -> None:
        self._network = network
        self._num_images = 0
        self._traced: Callable[..., Any] | None = None

    def __call__(self, images: Any) -> np.ndarray:
        """Logits, float32 `(n, num_classes)`, of images `(n, height, width, 3)`."""
        self._num_images += len(images)
        if self._num_images <= _NUM_IMAGES_UNTIL_TRACED:
            return np.asarray(self._network(images, training=False), np.float32)
        if self._traced is None:
            self._traced = self._trace(images)
        return np.asarray(self._traced(images), np.float32)

    def _trace(self, images: Any) -> Callable[..., Any]:
        import tensorflow as tf

        def run(images: Any) -> Any:
            return self._network(images, training=False)

        # The last batch may be smaller.
        any_number = tf.TensorSpec([None, *images.shape[1:]], tf.float32)
        return tf.function(run, input_signature=[any_number])


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What a converted model says of some images, beside what the network says that it was made from.

    Args:
        num_images: Number of images both ran on.
        max_relative_error: Largest difference of a logit, over the largest logit of
            the image, or of a typical image where that is larger.
        agreement: Share of images with the same first class.
        mean_kl: Mean Kullback-Leibler divergence of the classes' probabilities
            from the network's, nats.
        information: What the network's answers tell of the images, nats: `mean_kl` of
            the best constant answer.
        lost_variance: Mean square of the differences of logits, over the variance of the
            network's logits over the images; what is added to all logits of an image
            does not count.
        top1: Top-1 accuracy in [0, 1]; `None` without labels.
        reference_top1: That of the network.
        guessed_top1: That of always answering with the most frequent class of these images.
    """

    num_images: int
    max_relative_error: float
    agreement: float
    mean_kl: float
    information: float
    lost_variance: float
    top1: float | None
    reference_top1: float | None
    guessed_top1: float | None

    @property
    def is_finite(self) -> bool:
        """Whether the model gave a number for every class of every image."""
        return bool(np.isfinite([self.max_relative_error, self.mean_kl]).all())


@dataclasses.dataclass(frozen=True)
class GateReport:
    """A model that was let through.

    Args:
        decisive: By which it was: on images for validation, where there are some.
        decisive_split: Which images these were, see `ExportData.decisive_split`.
        reported: On images that decided nothing: for testing, where there are some.
        delegation: Who runs what, see `inspect_delegation`.
        size_bytes: Size of the model.
        micro_arena: Memory that TFLite Micro takes for it; `None`: it was not measured.
    """

    decisive: Comparison
    decisive_split: str
    reported: Comparison
    delegation: Delegation
    size_bytes: int
    micro_arena: MicroArena | None = None

    def facts(self) -> dict[str, Any]:
        """The report as plain data: what was reported, and under `decided_on` what decided."""
        facts = {
            **dataclasses.asdict(self.reported),
            "decided_on": {"split": self.decisive_split, **dataclasses.asdict(self.decisive)},
            **dataclasses.asdict(self.delegation),
            "size_bytes": self.size_bytes,
        }
        if self.micro_arena is not None:
            facts["arena_bytes"] = self.micro_arena.arena_bytes
            facts["arena_head_bytes"] = self.micro_arena.head_bytes
            facts["arena_tail_bytes"] = self.micro_arena.tail_bytes
        return facts


def compare(content: bytes, reference: Reference, batches: Batches) -> Comparison:
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
    if model.output_format.has_softmax:
        reference = reference.as_log_probabilities()
    predicted = [model.predict(np.asarray(images)) for images, _ in batches]
    return compare_logits(np.concatenate(predicted), reference)


def compare_logits(logits: np.ndarray, reference: Reference) -> Comparison:
    """Compare what a model says of the images of a reference, logits of shape `(num_images, num_classes)`.

    Raises:
        InputError: If the images are others in number.
    """
    expected = reference.logits
    if logits.shape != expected.shape:
        raise InputError(
            f"Expected the images of the reference, with logits of shape {expected.shape}. "
            f"Received: logits of shape {logits.shape}."
        )

    has_same_class = logits.argmax(-1) == expected.argmax(-1)
    return Comparison(
        num_images=len(logits),
        max_relative_error=_max_relative_error(expected, logits),
        agreement=float(has_same_class.mean()),
        mean_kl=_mean_kl(expected, logits),
        information=_information(expected),
        lost_variance=_lost_variance(expected, logits),
        top1=reference.top1_of(logits),
        reference_top1=reference.top1,
        guessed_top1=reference.guessed_top1,
    )


def find_fault(
    comparison: Comparison,
    mode: QuantizationMode,
    max_accuracy_drop: float,
) -> str | None:
    """What keeps a model from being shipped, in words; `None`: nothing.

    Args:
        comparison: From `compare`.
        mode: How the model is quantized. An exact one must compute what the network
            computes; others may lose some accuracy.
        max_accuracy_drop: Largest loss of top-1 accuracy, in [0, 1]. Who allows much, allows as large a share of
            the information, and of the logits' variance, to be lost.
    """
    if not comparison.is_finite:
        return NOT_FINITE
    if mode.largest_difference is not None:
        fault = _find_difference(comparison, mode.largest_difference)
        if fault is not None:
            return fault
    if mode.is_exact:
        # Classes whose logits are equal within the tolerance may change places, so that the accuracy of an exact model
        # says less than the difference does.
        return None
    for find in (_find_lost_information, _find_lost_variance, _find_drop):
        fault = find(comparison, max_accuracy_drop)
        if fault is not None:
            return fault
    return None


def find_undelegated(delegation: Delegation, options: ExportOptions) -> str | None:
    """What a model leaves to slower kernels that models for its target do not, in words; `None`: nothing.

    XNNPACK, which is what is asked, computes with floats and int8, and is for CPUs. Who chose the rewrites by name has
    chosen what they leave, too.

    Args:
        delegation: Of the model.
        options: How it was made.
    """
    known = get_target(options.target).undelegated_operators
    chose_rewrites = tuple(options.lowering) != ("all",) and options.lowering != "all"
    if known is None or chose_rewrites or options.mode.activation_bits not in (None, 8):
        return None
    left = {name: number for name, number in delegation.undelegated.items() if name not in known}
    if not left:
        return None
    described = ", ".join(f"{number} {name}" for name, number in left.items())
    return f"{described} outside of it"


def find_broken_limit(report: GateReport, limits: Mapping[str, float]) -> str | None:
    """What of a model is larger than a search allowed, in words; `None`: nothing.

    Args:
        report: Of the model.
        limits: Largest values by name; of those, `size_bytes`, `peak_ram_bytes` and, for
            microcontrollers, `arena_bytes` are known of a model.
    """
    facts = report.facts()
    for name, limit in limits.items():
        value = facts.get(name)
        if value is not None and value > limit:
            return f"{name}={value:,} (at most {limit:,.15g})"
    return None


def _find_difference(comparison: Comparison, tolerance: float) -> str | None:
    if comparison.max_relative_error <= tolerance:
        return None
    return f"its logits differ by {comparison.max_relative_error:.1e} of the largest (at most {tolerance:.0e})"


def _find_lost_information(comparison: Comparison, max_accuracy_drop: float) -> str | None:
    share = max(_LARGEST_LOST_SHARE, max_accuracy_drop)
    allowed = share * comparison.information + _NEGLIGIBLE_KL
    if comparison.mean_kl <= allowed:
        return None
    limits = f"at most {allowed:.3g}; a model that looks at no image: {comparison.information:.3g}"
    return (
        f"its answers differ from the network's by a mean KL of {comparison.mean_kl:.3g} nats ({limits}), with "
        f"{comparison.agreement:.1%} of the first classes equal"
    )


def _find_lost_variance(comparison: Comparison, max_accuracy_drop: float) -> str | None:
    allowed = max(_LARGEST_LOST_VARIANCE, max_accuracy_drop)
    if comparison.lost_variance <= allowed:
        return None
    return (
        f"its logits differ from the network's by {comparison.lost_variance:.1%} of the variance that these have over "
        f"the images (at most {allowed:.0%}), with {comparison.agreement:.1%} of the first classes equal"
    )


def _find_drop(comparison: Comparison, max_accuracy_drop: float) -> str | None:
    if comparison.top1 is None or comparison.reference_top1 is None:
        return None
    drop = comparison.reference_top1 - comparison.top1
    if drop <= max_accuracy_drop + _ROUNDING_OF_ACCURACIES:
        return None
    return (
        f"top-1 fell from {comparison.reference_top1:.2%} to {comparison.top1:.2%} on {comparison.num_images} images "
        f"(at most {100 * max_accuracy_drop:g} points), mean KL {comparison.mean_kl:.3f}"
    )


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
    """Mean divergence of the probabilities of actual logits from those of expected ones."""
    return _mean_divergence(_log_softmax(expected), _log_softmax(actual))


def _information(logits: np.ndarray) -> float:
    """Mean divergence of the mean probabilities of all images from those of each image."""
    log_p = _log_softmax(logits)
    mean = np.exp(log_p).mean(axis=0)
    # A class may be so improbable in all images that nothing is left of it.
    smallest = np.finfo(np.float64).tiny
    log_mean = np.log(np.maximum(mean, smallest))
    return _mean_divergence(log_p, log_mean)


def _mean_divergence(log_p: np.ndarray, log_q: np.ndarray) -> float:
    """Mean over images of sum(p * (log p - log q)), the Kullback-Leibler divergence of q from p, nats."""
    terms = np.exp(log_p) * (log_p - log_q)
    divergences = terms.sum(axis=-1)
    return float(divergences.mean())


def _lost_variance(expected: np.ndarray, logits: np.ndarray) -> float:
    """Mean square of the differences of logits, over the variance of the expected ones over the images."""
    centered = _without_mean_of_classes(expected)
    differences = _without_mean_of_classes(logits) - centered

    deviations = centered - centered.mean(axis=0)
    variance = float(np.square(deviations).mean())

    largest_logits = np.abs(expected).max(axis=-1)
    negligible_deviation = _NEGLIGIBLE_DEVIATION * float(np.median(largest_logits))
    smallest_deviation = float(np.finfo(np.float32).tiny)
    least_variance = max(negligible_deviation, smallest_deviation) ** 2

    mean_square = float(np.square(differences).mean())
    return mean_square / max(variance, least_variance)


def _without_mean_of_classes(logits: np.ndarray) -> np.ndarray:
    """Logits without what they have in common in an image, which no probability depends on."""
    return logits.astype(np.float64) - logits.mean(axis=-1, keepdims=True, dtype=np.float64)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithms of the probabilities of logits, float64."""
    logits = logits.astype(np.float64)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    total = np.exp(shifted).sum(axis=-1, keepdims=True)
    return shifted - np.log(total)
