"""`Bottleneck`: the block of ResNet-D, as data."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from ofa_tf.space.blocks.layers import PART_INPUT, Layer, LayerList
from ofa_tf.space.blocks.part_type import Block
from ofa_tf.space.blocks.registry import register_part_type
from ofa_tf.space.blocks.rounding import make_divisible
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

    def layers(self, num_classes: int) -> tuple[Layer, ...]:
        row = LayerList(self.in_channels)
        x = row.convolution("conv1", PART_INPUT, self.middle_channels, activation="relu")
        x = row.convolution(
            "conv2",
            x,
            self.middle_channels,
            kernel_size=self.kernel_size,
            stride=self.stride,
            activation="relu",
        )
        x = row.convolution("conv3", x, self.out_channels)
        shortcut = PART_INPUT
        if self.has_downsample:
            shortcut = self._add_downsample(row)
        total = row.add("add", shortcut, x)
        row.activation(total, "relu")
        return row.layers

    def _add_downsample(self, row: LayerList) -> str:
        shortcut = PART_INPUT
        if self.stride > 1:
            shortcut = row.average_pool("downsample_pool", shortcut, self.stride)
        return row.convolution("downsample", shortcut, self.out_channels)

    @property
    def latency_key(self) -> str:
        widths = f"in{self.in_channels}_mid{self.middle_channels}_out{self.out_channels}"
        shortcut = "downsample" if self.has_downsample else "add"
        return f"bottleneck_s{self.stride}_{widths}_{shortcut}"
