"""`Head`: all that comes after the last block, as data."""

import dataclasses
from typing import ClassVar

from ofa_tf.space.blocks.part_type import LinearOperator, PlainPart
from ofa_tf.space.blocks.registry import register_part_type


@register_part_type
@dataclasses.dataclass(frozen=True)
class Head(PlainPart):
    """All that comes after the last block, up to the logits.

    A 1x1 convolution with batch normalization and activation to `feature_width`,
    global average pooling, a 1x1 convolution with activation to `head_width`, a
    linear classifier. Without `feature_width` or `head_width` (0) the
    convolution in question is left out.

    Args:
        in_channels: Output channels of the last block.
        feature_width: Channels before the pooling.
        head_width: Channels after the pooling.
        activation: Name of the activation.
    """

    type_name: ClassVar[str] = "head"

    in_channels: int
    feature_width: int
    head_width: int
    activation: str

    @property
    def strides(self) -> tuple[int, ...]:
        return ()

    @property
    def pooled_width(self) -> int:
        """Channels that are pooled."""
        return self.feature_width or self.in_channels

    @property
    def last_width(self) -> int:
        """Input channels of the classifier."""
        return self.head_width or self.pooled_width

    def linear_operators(self, input_size: int, num_classes: int) -> list[LinearOperator]:
        operators = []
        if self.feature_width:
            weights = self.in_channels * self.feature_width
            operators.append(LinearOperator(input_size**2, weights, 2 * self.feature_width))
        if self.head_width:
            operators.append(LinearOperator(1, self.pooled_width * self.head_width, 0))
        operators.append(LinearOperator(1, self.last_width * num_classes, num_classes))
        return operators

    def peak_activations(self, input_size: int) -> int:
        return input_size**2 * (self.in_channels + self.feature_width)

    @property
    def latency_key(self) -> str:
        return f"head_in{self.in_channels}"
