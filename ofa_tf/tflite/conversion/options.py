"""`ExportOptions`: how to convert a subnet. Loads neither TensorFlow nor Keras."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.input_format import check_input_type
from ofa_tf.tflite.lowering.rewrites import choose_lowerings

ACTIVATION_BITS = {"int8": 8, "int16x8": 16, "qat": 8}  # of the quantizations with integer activations
QUANTIZATIONS = ("none", "float16", "dynamic", *ACTIVATION_BITS)


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """How to convert a subnet, and what to let through.

    Args:
        quantization: One of `QUANTIZATIONS`, see `to_tflite`.
        lowering: See `to_tflite`.
        input_type: What the model takes as an image, see `InputFormat`.
        max_accuracy_drop: Largest loss of top-1 accuracy through quantization, in
            [0, 1].
        num_representative_images: Training images that set the ranges of integer
            activations.
        qat_epochs: Passes over the training images for `"qat"`.
        qat_learning_rate: See `FineTuning`.

    Raises:
        InputError: If a value is not allowed.
    """

    quantization: str = "none"
    lowering: str | Sequence[str] = "all"
    input_type: str = "normalized"
    max_accuracy_drop: float = 0.01
    num_representative_images: int = 200
    qat_epochs: int = 3
    qat_learning_rate: float = 2e-5

    def __post_init__(self) -> None:
        if self.quantization not in QUANTIZATIONS:
            raise InputError(
                f"Expected `quantization` to be one of {list(QUANTIZATIONS)}. "
                f"Received: quantization={self.quantization!r}."
            )
        choose_lowerings(self.lowering, quantized=False)
        check_input_type(self.input_type)
        if self.quantization == "int16x8" and self.input_type == "uint8":
            raise InputError(
                "Expected `input_type` to be 'normalized' or 'float32' with quantization='int16x8', which takes int16. "
                "Received: input_type='uint8'."
            )
        if not 0 <= self.max_accuracy_drop <= 1:
            raise InputError(
                f"Expected `max_accuracy_drop` to be in [0, 1]. Received: max_accuracy_drop={self.max_accuracy_drop}."
            )
        for name in ("num_representative_images", "qat_epochs"):
            _check_count(name, getattr(self, name))
        _check_learning_rate("qat_learning_rate", self.qat_learning_rate)


@dataclasses.dataclass(frozen=True)
class FineTuning:
    """What a network is fine-tuned on for quantization.

    Args:
        batches: Makes batches of normalised images, `(batch, size, size, 3)`, and
            labels, `(batch,)`.
        num_steps: Number of the batches; further ones are not used.
        learning_rate: Of Adam in the first step; it falls to 0 along a cosine.

    Raises:
        InputError: If a number is not allowed.
    """

    batches: Callable[[], Iterable[tuple[Any, Any]]]
    num_steps: int
    learning_rate: float = ExportOptions.qat_learning_rate

    def __post_init__(self) -> None:
        _check_count("num_steps", self.num_steps)
        _check_learning_rate("learning_rate", self.learning_rate)


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"Expected `{name}` to be a whole number of at least 1. Received: {name}={value}.")


def _check_learning_rate(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise InputError(f"Expected `{name}` to be in (0, 1). Received: {name}={value}.")
