"""`OutputFormat`: what a model gives for an image. Loads neither TensorFlow nor Keras."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from ofa_tf.base.errors import InputError

FLOAT32 = "float32"
OUTPUT_TYPES = (FLOAT32, "int8", "uint8")

LOGITS = "logits"
PROBABILITIES = "probabilities"


@dataclasses.dataclass(frozen=True)
class OutputFormat:
    """What a model gives for an image, one number a class.

    Args:
        output_type: Type of the numbers: one of `OUTPUT_TYPES`; `None`: as the quantization
            computes them.
        has_softmax: Whether they are probabilities instead of logits. Probabilities are
            float32: in 256 steps, most of a thousand classes would have the same.

    Raises:
        InputError: If there is no such type, or probabilities would be integers.
    """

    output_type: str | None = None
    has_softmax: bool = False

    def __post_init__(self) -> None:
        if self.output_type not in (None, *OUTPUT_TYPES):
            raise InputError(
                f"Expected `output_type` to be one of {list(OUTPUT_TYPES)}. Received: output_type={self.output_type!r}."
            )
        if self.has_softmax and self.output_type not in (None, FLOAT32):
            raise InputError(
                f"Expected `output_type` to be 'float32' with a softmax: integers are too coarse for probabilities. "
                f"Received: output_type={self.output_type!r}. Leave the type or the softmax out."
            )

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "OutputFormat":
        """The format that a model's metadata name; the type stands in the model itself."""
        return cls(has_softmax=facts.get("output") == PROBABILITIES)

    @property
    def content(self) -> str:
        """What the numbers are; the output is called so."""
        return PROBABILITIES if self.has_softmax else LOGITS

    @property
    def is_computed(self) -> bool:
        """Whether the numbers may be whatever the last layer computes with, or floats."""
        return self.output_type is None or self.is_float

    @property
    def is_float(self) -> bool:
        """Whether the numbers are float32 whatever the quantization computes."""
        return self.has_softmax or self.output_type == FLOAT32


COMPUTED_LOGITS = OutputFormat()
