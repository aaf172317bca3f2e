"""`DeepStem`: the stem of ResNet-D, as data."""

import dataclasses
from typing import ClassVar

from ofa_tf.space.blocks.axis import Axis
from ofa_tf.space.blocks.part_type import LinearOperator, StemDesign, StemPart
from ofa_tf.space.blocks.registry import register_part_type
from ofa_tf.space.blocks.rounding import make_divisible, multiply_width, out_size


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

    def linear_operators(self, input_size: int, num_classes: int) -> list[LinearOperator]:
        pixels = out_size(input_size, 2) ** 2
        middle = self.middle_channels
        first = LinearOperator(pixels, 9 * self.in_channels * middle, 2 * middle)
        second = LinearOperator(pixels, 9 * middle * middle, 2 * middle)
        third = LinearOperator(pixels, 9 * middle * self.out_channels, 2 * self.out_channels)
        if self.depth:
            return [first, second, third]
        return [first, third]

    def peak_activations(self, input_size: int) -> int:
        half = out_size(input_size, 2) ** 2
        inputs = input_size**2 * self.in_channels
        middle = half * self.middle_channels
        wide = half * self.out_channels
        outputs = out_size(input_size, *self.strides) ** 2 * self.out_channels
        residual_sum = 3 * middle if self.depth else 0
        return max(inputs + middle, residual_sum, middle + wide, wide + outputs)

    @property
    def latency_key(self) -> str:
        return f"stem_mid{self.middle_channels}_out{self.out_channels}_depth{self.depth}"
