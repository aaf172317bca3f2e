"""`ElasticMBConv`: the layer of `ofa_tf.space.blocks.mbconv.MBConv`."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.networks.blocks.part_layer import (
    NetworkSettings,
    PartLayer,
    add_plain_norm,
    add_plain_pair,
    kept_middle_channels,
    layer_arguments,
    register_part_layer,
)
from ofa_tf.networks.layers.channel_order import order_by_importance, permute_channels, permute_normalization
from ofa_tf.networks.layers.elastic_depthwise_conv2d import ElasticDepthwiseConv2D
from ofa_tf.networks.layers.elastic_squeeze_excite import ElasticSqueezeExcite
from ofa_tf.networks.layers.initializers import for_depthwise, set_to_zero
from ofa_tf.networks.layers.plain import Tensor, add_activation, add_convolution, add_depthwise_convolution
from ofa_tf.networks.layers.slicing import check_at_most
from ofa_tf.space.blocks.mbconv import MBConv
from ofa_tf.space.parts import Part


@register_part_layer(MBConv)
@keras.saving.register_keras_serializable(package="ofa_tf")
class ElasticMBConv(PartLayer[MBConv]):
    """Expand (1x1), depthwise, squeeze-and-excite, project (1x1), all elastic.

    Args:
        out_channels: Output channels; these are not elastic.
        middle_channels: Largest number of middle channels; `None` leaves out
            the expanding convolution, so that they are the input's.
        kernel_sizes: Depthwise kernel sizes to choose from, ascending.
        strides: Stride of the depthwise convolution.
        activation: Name of the activation, see `get_activation`.
        squeeze_channels: Largest number of squeezed channels; 0 for none.
        has_residual: Whether to add the input to the output.
        **kwargs: As for all parts: `epsilon`, `momentum`, `kernel_initializer`.

    Call arguments:
        inputs: Float tensor of rank 4.
        kernel_size: int or scalar int32 tensor; the largest by default.
        middle_channels: int or scalar int32 tensor; all by default.
        squeeze_channels: int or scalar int32 tensor; all by default.
        training: Whether batch normalization uses the batch's statistics.
        momentum: Overrides batch normalization's momentum.
        update_statistics: Whether training updates the running statistics.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, ceil(height / strides), ceil(width / strides), out_channels)`

    Raises:
        ValueError: If the block has a residual connection and a stride or other
            output than input channels, or a call argument is an int that is not
            a choice.

    Reference: MobileNetV3, Howard et al., ICCV 2019, figure 4; elasticity:
    Once-for-All, section 3.3.
    """

    elastic_arguments: ClassVar[tuple[str, ...]] = ("kernel_size", "middle_channels", "squeeze_channels")

    def __init__(
        self,
        out_channels: int,
        middle_channels: int | None,
        *,
        kernel_sizes: Sequence[int] = (3, 5, 7),
        strides: int = 1,
        activation: str = "relu",
        squeeze_channels: int = 0,
        has_residual: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if has_residual and strides != 1:
            raise ValueError(f"Expected `strides` to be 1 with a residual connection. Received: strides={strides}.")
        self.out_channels = out_channels
        self.middle_channels = middle_channels
        self.kernel_sizes = tuple(kernel_sizes)
        self.strides = strides
        self.activation = activation
        self.squeeze_channels = squeeze_channels
        self.has_residual = has_residual

    def build(self, input_shape: tuple) -> None:
        in_channels = input_shape[-1]
        if self.has_residual and in_channels != self.out_channels:
            raise ValueError(
                f"Expected {self.out_channels} input channels with a residual connection. Received: {in_channels}."
            )
        middle = self.middle_channels or in_channels
        outer = tuple(input_shape)
        inner = (*outer[:-1], middle)
        if self.middle_channels is not None:
            self.expand_conv, self.expand_bn = self._convolution_and_norm(
                ("expand_conv", "expand_bn"), outer, middle, activation=self.activation
            )
        self.depthwise_conv = ElasticDepthwiseConv2D(
            self.kernel_sizes,
            self.strides,
            kernel_initializer=for_depthwise(self._initializer("depthwise_conv")),
            name="depthwise_conv",
            dtype=self.dtype_policy,
        )
        self.depthwise_conv.build(inner)
        self.depthwise_bn = self._norm("depthwise_bn", inner, self.activation)
        if self.squeeze_channels:
            self.squeeze_excite = ElasticSqueezeExcite(
                self.squeeze_channels,
                kernel_initializer=self._initializer("se"),
                name="se",
                dtype=self.dtype_policy,
            )
            self.squeeze_excite.build(inner)
        self.project_conv, self.project_bn = self._convolution_and_norm(
            ("project_conv", "project_bn"), inner, self.out_channels
        )

    def call(
        self,
        inputs: tf.Tensor,
        kernel_size: Any = None,
        middle_channels: Any = None,
        squeeze_channels: Any = None,
        training: bool = False,
        momentum: Any = None,
        update_statistics: bool = True,
    ) -> tf.Tensor:
        statistics = {"training": training, "momentum": momentum, "update_statistics": update_statistics}
        x = inputs
        if self.middle_channels is not None:
            check_at_most("middle_channels", middle_channels, self.middle_channels)
            x = self.expand_conv(x, filters=middle_channels)
            x = self.expand_bn(x, **statistics)
        x = self.depthwise_conv(x, kernel_size=kernel_size)
        x = self.depthwise_bn(x, **statistics)
        if self.squeeze_channels:
            x = self.squeeze_excite(x, squeeze_channels=squeeze_channels)
        x = self.project_bn(self.project_conv(x), **statistics)
        if self.has_residual:
            return inputs + x
        return x

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        *batch_and_sizes, _ = self.depthwise_conv.compute_output_shape(input_shape)
        return (*batch_and_sizes, self.out_channels)

    def get_config(self) -> dict[str, Any]:
        config = {
            "out_channels": self.out_channels,
            "middle_channels": self.middle_channels,
            "kernel_sizes": self.kernel_sizes,
            "strides": self.strides,
            "activation": self.activation,
            "squeeze_channels": self.squeeze_channels,
            "has_residual": self.has_residual,
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_part(cls, part: Part, settings: NetworkSettings) -> "ElasticMBConv":
        largest: MBConv = part.largest
        kernel_sizes = {int(size) for size in part.values("kernel_size").flat}
        middle_channels = largest.middle_channels if largest.has_expand else None
        return cls(
            largest.out_channels,
            middle_channels,
            kernel_sizes=sorted(kernel_sizes),
            strides=largest.stride,
            activation=largest.activation,
            squeeze_channels=largest.squeeze_channels,
            has_residual=largest.has_residual,
            **layer_arguments(part, settings),
        )

    @classmethod
    def add_plain(cls, x: Tensor, prefix: str, option: MBConv, settings: NetworkSettings) -> Tensor:
        inputs = x
        if option.has_expand:
            names = (f"{prefix}expand_conv", f"{prefix}expand_bn")
            x = add_plain_pair(x, names, settings, option.middle_channels, activation=option.activation)
        x = add_depthwise_convolution(x, f"{prefix}depthwise_conv", option.kernel_size, option.stride)
        x = add_plain_norm(x, f"{prefix}depthwise_bn", settings, option.activation)
        if option.squeeze_channels:
            x = _add_plain_squeeze_excite(x, f"{prefix}se", option)
        names = (f"{prefix}project_conv", f"{prefix}project_bn")
        x = add_plain_pair(x, names, settings, option.out_channels)
        if option.has_residual:
            return keras.layers.Add(name=f"{prefix}add")([inputs, x])
        return x

    def static_weights(self, option: MBConv) -> dict[str, list[np.ndarray]]:
        middle = option.middle_channels
        weights = {}
        if self.middle_channels is not None:
            weights["expand_conv"] = self.expand_conv.static_weights(option.in_channels, middle)
            weights["expand_bn"] = self.expand_bn.static_weights(middle)
        weights["depthwise_conv"] = self.depthwise_conv.static_weights(middle, option.kernel_size)
        weights["depthwise_bn"] = self.depthwise_bn.static_weights(middle)
        if self.squeeze_channels:
            inner = self.squeeze_excite.static_weights(middle, option.squeeze_channels)
            weights["se_reduce"] = inner["reduce"]
            weights["se_expand"] = inner["expand"]
        weights["project_conv"] = self.project_conv.static_weights(middle)
        weights["project_bn"] = self.project_bn.static_weights(self.out_channels)
        return weights

    def sort_channels(self, part: Part, stage: int) -> None:
        order = order_by_importance(self.project_conv.kernel, kept_middle_channels(part, stage))
        permute_channels(self.expand_conv.kernel, order)
        permute_normalization(self.expand_bn, order)
        permute_channels(self.depthwise_conv.kernel, order, axis=-2)
        permute_normalization(self.depthwise_bn, order)
        permute_channels(self.project_conv.kernel, order, axis=-2)
        if self.squeeze_channels:
            self.squeeze_excite.reorder(order)

    def start_as_identity(self) -> None:
        if self.has_residual:
            set_to_zero(self.project_bn.gamma)

    @classmethod
    def published_names(cls, option: MBConv) -> dict[str, str]:
        del option
        return {
            "expand_conv": "conv.inverted_bottleneck.conv",
            "expand_bn": "conv.inverted_bottleneck.bn",
            "depthwise_conv": "conv.depth_conv.conv",
            "depthwise_bn": "conv.depth_conv.bn",
            "se_reduce": "conv.depth_conv.se.fc.reduce",
            "se_expand": "conv.depth_conv.se.fc.expand",
            "project_conv": "conv.point_linear.conv",
            "project_bn": "conv.point_linear.bn",
        }


def _add_plain_squeeze_excite(x: Tensor, name: str, part: MBConv) -> Tensor:
    """Squeeze-and-excite, which stands behind the depthwise convolution's activation."""
    scale = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    scale = add_convolution(scale, f"{name}_reduce", part.squeeze_channels, use_bias=True)
    scale = add_activation(scale, f"{name}_relu", "relu")
    scale = add_convolution(scale, f"{name}_expand", part.middle_channels, use_bias=True)
    scale = add_activation(scale, f"{name}_hard_sigmoid", "hard_sigmoid")
    return keras.layers.Multiply(name=f"{name}_multiply")([x, scale])
