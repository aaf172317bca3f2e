"""A block type of one's own, as a plugin has it: what the block is, as data, and its layers."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.networks.blocks.part_layer import (
    NetworkSettings,
    PartLayer,
    add_plain_pair,
    kept_middle_channels,
    layer_arguments,
    register_part_layer,
)
from ofa_tf.networks.layers.channel_order import order_by_importance, permute_channels, permute_normalization
from ofa_tf.networks.layers.plain import Tensor
from ofa_tf.space.blocks.layers import PART_INPUT, Layer, LayerList
from ofa_tf.space.blocks.part_type import Block
from ofa_tf.space.blocks.registry import register_part_type
from ofa_tf.space.blocks.rounding import make_divisible
from ofa_tf.space.blocks.stage import Stage
from ofa_tf.space.parts import Part


@register_part_type
@dataclasses.dataclass(frozen=True)
class FusedMBConv(Block):
    """A 3x3 convolution that expands, and a 1x1 convolution that projects.

    Args:
        in_channels: Input channels.
        middle_channels: Channels between the convolutions.
        out_channels: Output channels.
        stride: Of the first convolution.
        activation: Name of the activation after the first convolution.

    Reference: EfficientNetV2, Tan and Le, ICML 2021, figure 2.
    """

    type_name: ClassVar[str] = "test_fused_mbconv"
    choice_fields: ClassVar[tuple[str, ...]] = ("expand_ratios",)

    in_channels: int
    middle_channels: int
    out_channels: int
    stride: int
    activation: str

    @classmethod
    def from_choices(
        cls, stage: Stage, position: int, in_channels: int, out_channels: int, choices: Mapping[str, float]
    ) -> "FusedMBConv":
        return cls(
            in_channels=in_channels,
            middle_channels=make_divisible(in_channels * choices["expand_ratios"]),
            out_channels=out_channels,
            stride=stage.stride_of(position),
            activation=stage.activation,
        )

    @property
    def strides(self) -> tuple[int, ...]:
        return (self.stride,)

    @property
    def has_residual(self) -> bool:
        """Whether the input is added to the output."""
        return self.stride == 1 and self.in_channels == self.out_channels

    def layers(self, num_classes: int) -> tuple[Layer, ...]:
        row = LayerList(self.in_channels)
        x = row.convolution(
            "expand",
            PART_INPUT,
            self.middle_channels,
            kernel_size=3,
            stride=self.stride,
            activation=self.activation,
        )
        x = row.convolution("project", x, self.out_channels)
        if self.has_residual:
            row.add("add", PART_INPUT, x)
        return row.layers

    @property
    def latency_key(self) -> str:
        widths = f"in{self.in_channels}_mid{self.middle_channels}_out{self.out_channels}"
        return f"fused_s{self.stride}_{widths}_{self.activation}"


@register_part_layer(FusedMBConv)
@keras.saving.register_keras_serializable(package="tests")
class ElasticFusedMBConv(PartLayer[FusedMBConv]):
    """Expand (3x3) and project (1x1), of elastic middle width.

    Args:
        middle_channels: Largest number of middle channels.
        out_channels: Output channels; these are not elastic.
        strides: Stride of the first convolution.
        activation: Name of the activation, see `get_activation`.
        has_residual: Whether to add the input to the output.
        **kwargs: As for all parts: `epsilon`, `momentum`, `kernel_initializer`.

    Call arguments:
        inputs: Float tensor of rank 4.
        middle_channels: int or scalar int32 tensor; all by default.
        training: Whether batch normalization uses the batch's statistics.
        momentum: Overrides batch normalization's momentum.
        update_statistics: Whether training updates the running statistics.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, ceil(height / strides), ceil(width / strides), out_channels)`
    """

    elastic_arguments: ClassVar[tuple[str, ...]] = ("middle_channels",)

    def __init__(
        self,
        middle_channels: int,
        out_channels: int,
        *,
        strides: int = 1,
        activation: str = "relu",
        has_residual: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.middle_channels = middle_channels
        self.out_channels = out_channels
        self.strides = strides
        self.activation = activation
        self.has_residual = has_residual

    def build(self, input_shape: tuple) -> None:
        inner = (*input_shape[:-1], self.middle_channels)
        self.expand_conv, self.expand_bn = self._convolution_and_norm(
            ("expand_conv", "expand_bn"),
            input_shape,
            self.middle_channels,
            kernel_size=3,
            strides=self.strides,
            activation=self.activation,
        )
        self.project_conv, self.project_bn = self._convolution_and_norm(
            ("project_conv", "project_bn"), inner, self.out_channels
        )

    def call(
        self,
        inputs: tf.Tensor,
        middle_channels: Any = None,
        training: bool = False,
        momentum: Any = None,
        update_statistics: bool = True,
    ) -> tf.Tensor:
        statistics = {"training": training, "momentum": momentum, "update_statistics": update_statistics}
        x = self.expand_conv(inputs, filters=middle_channels)
        x = self.expand_bn(x, **statistics)
        x = self.project_bn(self.project_conv(x), **statistics)
        if self.has_residual:
            return inputs + x
        return x

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        *batch_and_sizes, _ = self.expand_conv.compute_output_shape(input_shape)
        return (*batch_and_sizes, self.out_channels)

    def get_config(self) -> dict[str, Any]:
        config = {
            "middle_channels": self.middle_channels,
            "out_channels": self.out_channels,
            "strides": self.strides,
            "activation": self.activation,
            "has_residual": self.has_residual,
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_part(cls, part: Part, settings: NetworkSettings) -> "ElasticFusedMBConv":
        largest: FusedMBConv = part.largest
        return cls(
            largest.middle_channels,
            largest.out_channels,
            strides=largest.stride,
            activation=largest.activation,
            has_residual=largest.has_residual,
            **layer_arguments(part, settings),
        )

    @classmethod
    def add_plain(cls, x: Tensor, prefix: str, option: FusedMBConv, settings: NetworkSettings) -> Tensor:
        inputs = x
        x = add_plain_pair(
            x,
            (f"{prefix}expand_conv", f"{prefix}expand_bn"),
            settings,
            option.middle_channels,
            kernel_size=3,
            strides=option.stride,
            activation=option.activation,
        )
        names = (f"{prefix}project_conv", f"{prefix}project_bn")
        x = add_plain_pair(x, names, settings, option.out_channels)
        if option.has_residual:
            return keras.layers.Add(name=f"{prefix}add")([inputs, x])
        return x

    def static_weights(self, option: FusedMBConv) -> dict[str, list[np.ndarray]]:
        return {
            "expand_conv": self.expand_conv.static_weights(option.in_channels, option.middle_channels),
            "expand_bn": self.expand_bn.static_weights(option.middle_channels),
            "project_conv": self.project_conv.static_weights(option.middle_channels),
            "project_bn": self.project_bn.static_weights(option.out_channels),
        }

    def sort_channels(self, part: Part, stage: int) -> None:
        order = order_by_importance(self.project_conv.kernel, kept_middle_channels(part, stage))
        permute_channels(self.expand_conv.kernel, order)
        permute_normalization(self.expand_bn, order)
        permute_channels(self.project_conv.kernel, order, axis=-2)
