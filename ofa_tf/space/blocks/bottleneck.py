"""`Bottleneck`: the block of ResNet-D, as data."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from ofa_tf.space.blocks.part_type import Block, LinearOperator
from ofa_tf.space.blocks.registry import register_part_type
from ofa_tf.space.blocks.rounding import make_divisible, out_size
from ofa_tf.space.blocks.stage import Stage


@register_part_type
@dataclasses.dataclass(frozen=True)
class Bottleneck(Block):
    """A ResNet-D bottleneck block: 1x1, 3x3 (which has the stride) and 1x1 convolutions; ReLU after the sum.

    Args:
        in_channels: Input channels.
        middle_channels: Channels of the 3x3 convolution.
        out_channels: Output channels.
        stride: Of the 3x3 convolution.
        has_downsample: Whether the shortcut is an average pooling and a 1x1
            convolution, rather than the input itself.

    Reference: "Bag of Tricks for Image Classification with CNNs", He et al., CVPR 2019, figure 2; its choices:
    Once-for-All, released code.
    """

    type_name: ClassVar[str] = "bottleneck"
    choice_fields: ClassVar[tuple[str, ...]] = ("expand_ratios",)
    has_elastic_width: ClassVar[bool] = True
    # What all of the kind have in common, by the names under which descriptions of networks give it.
    kernel_size: ClassVar[int] = 3
    groups: ClassVar[int] = 1
    activation: ClassVar[str] = "relu"
    downsample: ClassVar[str] = "avgpool_conv"

    in_channels: int
    middle_channels: int
    out_channels: int
    stride: int
    has_downsample: bool

    @classmethod
    def from_choices(
        cls, stage: Stage, position: int, in_channels: int, out_channels: int, choices: Mapping[str, float]
    ) -> "Bottleneck":
        return cls(
            in_channels=in_channels,
            middle_channels=make_divisible(round(out_channels * choices["expand_ratios"])),
            out_channels=out_channels,
            stride=stage.stride_of(position),
            has_downsample=position == 0,
        )

    @property
    def strides(self) -> tuple[int, ...]:
        return (self.stride,)

    def linear_operators(self, input_size: int, num_classes: int) -> list[LinearOperator]:
        pixels = input_size**2
        out_pixels = out_size(input_size, self.stride) ** 2
        middle = self.middle_channels
        operators = [
            LinearOperator(pixels, self.in_channels * middle, 2 * middle),
            LinearOperator(out_pixels, 9 * middle * middle, 2 * middle),
            LinearOperator(out_pixels, middle * self.out_channels, 2 * self.out_channels),
        ]
        if self.has_downsample:
            weights = self.in_channels * self.out_channels
            operators.append(LinearOperator(out_pixels, weights, 2 * self.out_channels))
        return operators

    def peak_activations(self, input_size: int) -> int:
        pixels = input_size**2
        out_pixels = out_size(input_size, self.stride) ** 2
        inputs = pixels * self.in_channels
        reduced = pixels * self.middle_channels
        filtered = out_pixels * self.middle_channels
        outputs = out_pixels * self.out_channels
        during_downsample = 2 * outputs if self.has_downsample else 0
        return inputs + max(reduced + filtered, filtered + outputs, during_downsample)

    @property
    def latency_key(self) -> str:
        widths = f"in{self.in_channels}_mid{self.middle_channels}_out{self.out_channels}"
        shortcut = "downsample" if self.has_downsample else "add"
        return f"bottleneck_s{self.stride}_{widths}_{shortcut}"
