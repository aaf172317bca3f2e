"""`MBConv`: the inverted-bottleneck block of MobileNetV2 and V3, as data."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from ofa_tf.space.blocks.layers import PART_INPUT, Layer, LayerList
from ofa_tf.space.blocks.part_type import Block
from ofa_tf.space.blocks.registry import register_part_type
from ofa_tf.space.blocks.rounding import make_divisible
from ofa_tf.space.blocks.stage import Stage

_SQUEEZE_REDUCTION = 4  # middle channels over squeezed ones


@register_part_type
@dataclasses.dataclass(frozen=True)
class MBConv(Block):
    """An inverted-bottleneck block: expand (1x1), depthwise, squeeze-and-excite, project (1x1).

    Args:
        in_channels: Input channels.
        middle_channels: Channels of the depthwise convolution.
        out_channels: Output channels.
        kernel_size: Of the depthwise convolution.
        stride: Of the depthwise convolution.
        activation: Name of the activation after the first two convolutions.
        squeeze_channels: 0 where the block has no squeeze-and-excite.
        has_residual: Whether the input is added to the output.
        has_expand: Whether there is an expanding convolution; without it, the
            middle channels are the input's.

    Reference: MobileNetV3, Howard et al., ICCV 2019, figure 4; its choices: Once-for-All, section 3.2.
    """

    type_name: ClassVar[str] = "mbconv"
    # What all of the kind have in common, by the names under which descriptions of networks give it.
    has_depthwise: ClassVar[bool] = True

    in_channels: int
    middle_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    activation: str
    squeeze_channels: int
    has_residual: bool
    has_expand: bool = True

    @classmethod
    def from_choices(
        cls, stage: Stage, position: int, in_channels: int, out_channels: int, choices: Mapping[str, float]
    ) -> "MBConv":
        middle = make_divisible(round(in_channels * choices["expand_ratios"]))
        stride = stage.stride_of(position)
        squeezed = make_divisible(middle // _SQUEEZE_REDUCTION) if stage.use_squeeze_excite else 0
        return cls(
            in_channels=in_channels,
            middle_channels=middle,
            out_channels=out_channels,
            kernel_size=int(choices["kernel_sizes"]),
            stride=stride,
            activation=stage.activation,
            squeeze_channels=squeezed,
            has_residual=stride == 1 and in_channels == out_channels,
        )

    @property
    def has_squeeze(self) -> bool:
        """Whether the block has squeeze-and-excite."""
        return self.squeeze_channels > 0

    @property
    def strides(self) -> tuple[int, ...]:
        return (self.stride,)

    def layers(self, num_classes: int) -> tuple[Layer, ...]:
        row = LayerList(self.in_channels)
        x = PART_INPUT
        if self.has_expand:
            x = row.convolution("expand", x, self.middle_channels, activation=self.activation)
        x = row.depthwise(
            "depthwise",
            x,
            kernel_size=self.kernel_size,
            stride=self.stride,
            activation=self.activation,
        )
        if self.has_squeeze:
            x = self._add_squeeze_excite(row, x)
        x = row.convolution("project", x, self.out_channels)
        if self.has_residual:
            row.add("add", PART_INPUT, x)
        return row.layers

    def _add_squeeze_excite(self, row: LayerList, x: str) -> str:
        pooled = row.mean("se_pool", x)
        squeezed = row.convolution(
            "se_reduce",
            pooled,
            self.squeeze_channels,
            activation="relu",
            has_norm=False,
            has_bias=True,
        )
        scale = row.convolution(
            "se_expand",
            squeezed,
            self.middle_channels,
            activation="hard_sigmoid",
            has_norm=False,
            has_bias=True,
        )
        return row.multiply("se_multiply", x, scale)

    @property
    def latency_key(self) -> str:
        key = f"k{self.kernel_size}_s{self.stride}_in{self.in_channels}_mid{self.middle_channels}"
        key += f"_out{self.out_channels}_{self.activation}"
        if self.squeeze_channels:
            key += f"_se{self.squeeze_channels}"
        if not self.has_expand:
            key += "_noexpand"
        if self.has_residual:
            key += "_add"
        return key

    @property
    def depthwise_kernel_size(self) -> int:
        return self.kernel_size
