"""`Head`: all that comes after the last block, as data."""

import dataclasses
from typing import ClassVar

from ofa_tf.space.blocks.layers import PART_INPUT, Layer, LayerList
from ofa_tf.space.blocks.part_type import PlainPart
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

    def layers(self, num_classes: int) -> tuple[Layer, ...]:
        row = LayerList(self.in_channels)
        x = PART_INPUT
        if self.feature_width:
            x = row.convolution("feature", x, self.feature_width, activation=self.activation)
        x = row.mean("pool", x)
        if self.head_width:
            x = row.convolution("head", x, self.head_width, activation=self.activation, has_norm=False)
        x = row.flatten("flatten", x)
        row.dense("classifier", x, num_classes)
        return row.layers

    @property
    def latency_key(self) -> str:
        return f"head_in{self.in_channels}"
