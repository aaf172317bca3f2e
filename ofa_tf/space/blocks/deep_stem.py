"""`DeepStem`: the stem of ResNet-D, as data."""

import dataclasses
from typing import Any, ClassVar

from ofa_tf.space.blocks.axis import Axis
from ofa_tf.space.blocks.layers import PART_INPUT, Layer, LayerList
from ofa_tf.space.blocks.part_type import StemDesign, StemPart
from ofa_tf.space.blocks.registry import register_part_type
from ofa_tf.space.blocks.rounding import make_divisible, multiply_width


@register_part_type
@dataclasses.dataclass(frozen=True)
class DeepStem(StemPart):
    """The stem of ResNet-D: three 3x3 convolutions and a 3x3 max pooling.

    The first convolution and the pooling have a stride of 2. The second convolution is
    optional and has a residual connection.

    Args:
        middle_channels: Channels between the convolutions.
        out_channels: Output channels.
        depth: 1 with the second convolution, 0 without.
        in_channels: Channels of the images.

    Reference: "Bag of Tricks for Image Classification with CNNs", He et al., CVPR 2019, section 4.
    """

    type_name: ClassVar[str] = "deep_stem"
    # What all of the kind have in common, by the names under which descriptions of networks give it.
    kernel_size: ClassVar[int] = 3
    activation: ClassVar[str] = "relu"

    middle_channels: int
    out_channels: int
    depth: int
    in_channels: int = 3

    @classmethod
    def axes(cls, design: StemDesign) -> dict[str, Axis]:
        widths = multiply_width(design.width, design.width_multipliers.values)
        middle_is_half_of = multiply_width(design.width, design.middle_width_multipliers.values)
        middle_widths = tuple(make_divisible(width // 2) for width in middle_is_half_of)
        return {
            "middle_channels": Axis(middle_widths, design.middle_width_multipliers.gene),
            "out_channels": Axis(widths, design.width_multipliers.gene),
            "depth": design.depths,
        }

    @property
    def strides(self) -> tuple[int, ...]:
        return (2, 2)

    def layers(self, num_classes: int) -> tuple[Layer, ...]:
        row = LayerList(self.in_channels)
        settings: dict[str, Any] = {"kernel_size": self.kernel_size, "activation": self.activation}
        x = row.convolution("conv1", PART_INPUT, self.middle_channels, stride=2, **settings)
        if self.depth:
            inner = row.convolution("conv2", x, self.middle_channels, **settings)
            x = row.add("add", x, inner)
        x = row.convolution("conv3", x, self.out_channels, **settings)
        row.max_pool("pool", x, kernel_size=3, stride=2)
        return row.layers

    @property
    def latency_key(self) -> str:
        return f"stem_mid{self.middle_channels}_out{self.out_channels}_depth{self.depth}"
