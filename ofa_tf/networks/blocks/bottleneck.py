"""`ElasticBottleneck`: the layer of `ofa_tf.space.blocks.bottleneck.Bottleneck`."""

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
from ofa_tf.networks.layers.initializers import set_to_zero
from ofa_tf.networks.layers.plain import Tensor, add_activation
from ofa_tf.space.blocks.bottleneck import Bottleneck
from ofa_tf.space.parts import Part


@register_part_layer(Bottleneck)
@keras.saving.register_keras_serializable(package="ofa_tf")
class ElasticBottleneck(PartLayer[Bottleneck]):
    """1x1, 3x3 and 1x1 convolutions and a shortcut, of elastic input, middle and output width.

    The 3x3 convolution has the stride. With `has_downsample` the shortcut is an
    average pooling and a 1x1 convolution, else the input itself; ReLU follows
    the sum.

    Args:
        middle_channels: Largest number of middle channels.
        out_channels: Largest number of output channels.
        strides: Stride of the 3x3 convolution.
        has_downsample: Whether the shortcut has a convolution.
        **kwargs: As for all parts: `epsilon`, `momentum`, `kernel_initializer`.

    Call arguments:
        inputs: Float tensor of rank 4 with at most the channels of `build`.
        middle_channels: int or scalar int32 tensor; all by default.
        out_channels: int or scalar int32 tensor; all by default. Without
            `has_downsample` it must be the input's number of channels.
        training: Whether batch normalization uses the batch's statistics.
        momentum: Overrides batch normalization's momentum.
        update_statistics: Whether training updates the running statistics.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, ceil(height / strides), ceil(width / strides), out_channels)`

    Raises:
        ValueError: If there is a stride without `has_downsample`, or a call
            argument is an int above the largest number.

    Reference: "Bag of Tricks for Image Classification with CNNs", He et al.,
    CVPR 2019, figure 2; elasticity: Once-for-All, released code.
    """

    elastic_arguments: ClassVar[tuple[str, ...]] = ("middle_channels", "out_channels")

    def __init__(
        self,
        middle_channels: int,
        out_channels: int,
        strides: int = 1,
        has_downsample: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if strides != 1 and not has_downsample:
            raise ValueError(f"Expected `has_downsample` with a stride. Received: strides={strides}.")
        self.middle_channels = middle_channels
        self.out_channels = out_channels
        self.strides = strides
        self.has_downsample = has_downsample

    def build(self, input_shape: tuple) -> None:
        outer = tuple(input_shape)
        inner = (*outer[:-1], self.middle_channels)
        middle, out = self.middle_channels, self.out_channels
        self.conv1, self.bn1 = self._convolution_and_norm(("conv1", "bn1"), outer, middle, activation="relu")
        self.conv2, self.bn2 = self._convolution_and_norm(
            ("conv2", "bn2"), inner, middle, kernel_size=3, strides=self.strides, activation="relu"
        )
        self.conv3, self.bn3 = self._convolution_and_norm(("conv3", "bn3"), inner, out)
        if self.has_downsample:
            self.downsample_conv, self.downsample_bn = self._convolution_and_norm(
                ("downsample_conv", "downsample_bn"), outer, out
            )

    def call(
        self,
        inputs: tf.Tensor,
        middle_channels: Any = None,
        out_channels: Any = None,
        training: bool = False,
        momentum: Any = None,
        update_statistics: bool = True,
    ) -> tf.Tensor:
        statistics = {"training": training, "momentum": momentum, "update_statistics": update_statistics}
        x = self.conv1(inputs, filters=middle_channels)
        x = self.bn1(x, **statistics)
        x = self.conv2(x, filters=middle_channels)
        x = self.bn2(x, **statistics)
        x = self.conv3(x, filters=out_channels)
        x = self.bn3(x, **statistics)
        shortcut = inputs
        if self.has_downsample:
            if self.strides > 1:  # "SAME": a last row or column is averaged over what there is of it
                shortcut = tf.nn.avg_pool2d(shortcut, self.strides, self.strides, "SAME")
            shortcut = self.downsample_conv(shortcut, filters=out_channels)
            shortcut = self.downsample_bn(shortcut, **statistics)
        return tf.nn.relu(shortcut + x)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        *batch_and_sizes, _ = self.conv2.compute_output_shape(input_shape)
        return (*batch_and_sizes, self.out_channels)

    def get_config(self) -> dict[str, Any]:
        config = {
            "middle_channels": self.middle_channels,
            "out_channels": self.out_channels,
            "strides": self.strides,
            "has_downsample": self.has_downsample,
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_part(cls, part: Part, settings: NetworkSettings) -> "ElasticBottleneck":
        largest: Bottleneck = part.largest
        return cls(
            largest.middle_channels,
            largest.out_channels,
            strides=largest.stride,
            has_downsample=largest.has_downsample,
            **layer_arguments(part, settings),
        )

    @classmethod
    def add_plain(cls, x: Tensor, prefix: str, option: Bottleneck, settings: NetworkSettings) -> Tensor:
        def add(x: Tensor, conv: str, bn: str, filters: int, **options: Any) -> Tensor:
            return add_plain_pair(x, (f"{prefix}{conv}", f"{prefix}{bn}"), settings, filters, **options)

        shortcut = x
        x = add(x, "conv1", "bn1", option.middle_channels, activation="relu")
        x = add(x, "conv2", "bn2", option.middle_channels, kernel_size=3, strides=option.stride, activation="relu")
        x = add(x, "conv3", "bn3", option.out_channels)
        if option.has_downsample:
            if option.stride > 1:  # "same": a last row or column is averaged over what there is of it
                pool = keras.layers.AveragePooling2D(option.stride, padding="same", name=f"{prefix}downsample_pool")
                shortcut = pool(shortcut)
            shortcut = add(shortcut, "downsample_conv", "downsample_bn", option.out_channels)
        x = keras.layers.Add(name=f"{prefix}add")([shortcut, x])
        return add_activation(x, f"{prefix}relu", "relu")

    def static_weights(self, option: Bottleneck) -> dict[str, list[np.ndarray]]:
        middle, out = option.middle_channels, option.out_channels
        weights = {
            "conv1": self.conv1.static_weights(option.in_channels, middle),
            "bn1": self.bn1.static_weights(middle),
            "conv2": self.conv2.static_weights(middle, middle),
            "bn2": self.bn2.static_weights(middle),
            "conv3": self.conv3.static_weights(middle, out),
            "bn3": self.bn3.static_weights(out),
        }
        if self.has_downsample:
            weights["downsample_conv"] = self.downsample_conv.static_weights(option.in_channels, out)
            weights["downsample_bn"] = self.downsample_bn.static_weights(out)
        return weights

    def sort_channels(self, part: Part, stage: int) -> None:
        # The channels on both sides of the 3x3 convolution, each by the weights that read them.
        kept = kept_middle_channels(part, stage)
        order = order_by_importance(self.conv3.kernel, kept)
        permute_channels(self.conv2.kernel, order)
        permute_normalization(self.bn2, order)
        permute_channels(self.conv3.kernel, order, axis=-2)
        order = order_by_importance(self.conv2.kernel, kept)
        permute_channels(self.conv1.kernel, order)
        permute_normalization(self.bn1, order)
        permute_channels(self.conv2.kernel, order, axis=-2)

    def start_as_identity(self) -> None:
        if not self.has_downsample:
            set_to_zero(self.bn3.gamma)

    @classmethod
    def published_names(cls, option: Bottleneck) -> dict[str, str]:
        del option
        return {
            "conv1": "conv1.conv",
            "bn1": "conv1.bn",
            "conv2": "conv2.conv",
            "bn2": "conv2.bn",
            "conv3": "conv3.conv",
            "bn3": "conv3.bn",
            "downsample_conv": "downsample.conv",
            "downsample_bn": "downsample.bn",
        }
