"""`Stem`: the plain stem, as data."""

import dataclasses
from typing import ClassVar

from ofa_tf.space.blocks.axis import Axis
from ofa_tf.space.blocks.layers import PART_INPUT, Layer, LayerList
from ofa_tf.space.blocks.part_type import StemDesign, StemPart
from ofa_tf.space.blocks.registry import register_part_type


@register_part_type
@dataclasses.dataclass(frozen=True)
class Stem(StemPart):
    """A 3x3 convolution, batch normalization and an activation.

    Args:
        out_channels: Output channels.
        stride: Stride of the convolution.
        activation: Name of the activation.
        in_channels: Channels of the images.
    """

    type_name: ClassVar[str] = "stem"
    # What all of the kind have in common, by the names under which descriptions of networks give it.
    kernel_size: ClassVar[int] = 3

    out_channels: int
    stride: int
    activation: str
    in_channels: int = 3

    @classmethod
    def axes(cls, design: StemDesign) -> dict[str, Axis]:
        return {
            "out_channels": Axis.fixed(design.width),
            "stride": Axis.fixed(design.stride),
            "activation": Axis.fixed(design.activation),
        }

    @property
    def strides(self) -> tuple[int, ...]:
        return (self.stride,)

    def layers(self, num_classes: int) -> tuple[Layer, ...]:
        row = LayerList(self.in_channels)
        row.convolution(
            "conv",
            PART_INPUT,
            self.out_channels,
            kernel_size=self.kernel_size,
            stride=self.stride,
            activation=self.activation,
        )
        return row.layers

    @property
    def latency_key(self) -> str:
        return "stem"
