"""`FineTuning`: what a network is fine-tuned on for quantization. Loads neither TensorFlow nor Keras."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from ofa_tf.base.errors import InputError


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
    learning_rate: float = 2e-5

    def __post_init__(self) -> None:
        check_count("num_steps", self.num_steps)
        check_learning_rate("learning_rate", self.learning_rate)


def check_count(name: str, value: Any) -> None:
    """Check that a setting is a whole number of at least 1.

    Raises:
        InputError: If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"Expected `{name}` to be a whole number of at least 1. Received: {name}={value}.")


def check_learning_rate(name: str, value: float) -> None:
    """Check that a setting lies between 0 and 1.

    Raises:
        InputError: If it does not.
    """
    if not 0 < value < 1:
        raise InputError(f"Expected `{name}` to be in (0, 1). Received: {name}={value}.")
