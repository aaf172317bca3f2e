"""`ElasticBottleneck`: a ResNet-D bottleneck block of elastic width."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.networks.layers.elastic_batch_normalization import ElasticBatchNormalization
from ofa_tf.networks.layers.elastic_conv2d import ElasticConv2D
from ofa_tf.networks.layers.initializers import fork
from ofa_tf.space.part_types import Bottleneck


@keras.saving.register_keras_serializable(package="ofa_tf")
class ElasticBottleneck(keras.layers.Layer):
    """1x1, 3x3 and 1x1 convolutions and a shortcut, of elastic input, middle and output width.

    The 3x3 convolution has the stride. With `has_downsample` the shortcut is an
    average pooling and a 1x1 convolution, else the input itself; ReLU follows
    the sum.

    Args:
        middle_channels: Largest number of middle channels.
        out_channels: Largest number of output channels.
        strides: Stride of the 3x3 convolution.
        has_downsample: Whether the shortcut has a convolution.
        epsilon: Of batch normalization.
        momentum: Of batch normalization.
        kernel_initializer: Initializer of all convolutions.

    Call arguments:
        inputs: Float tensor of rank 4 with at most the channels of `build`.
        middle_channels: int or scalar int32 tensor; all by default.
        out_channels: int or scalar int32 tensor; all by default. Without
            `has_downsample` it must be the input's number of channels.
        training: Whether batch normalization uses the batch's statistics.
        momentum: Overrides batch normalization's momentum.

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

    elastic_arguments = ("middle_channels", "out_channels")

    def __init__(
        self,
        middle_channels: int,
        out_channels: int,
        strides: int = 1,
        has_downsample: bool = False,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if strides != 1 and not has_downsample:
            raise ValueError(f"Expected `has_downsample` with a stride. Received: strides={strides}.")
        self.middle_channels = middle_channels
        self.out_channels = out_channels
        self.strides = strides
        self.has_downsample = has_downsample
        self.epsilon = epsilon
        self.momentum = momentum
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: tuple) -> None:
        outer, inner = tuple(input_shape), (*input_shape[:-1], self.middle_channels)
        self.conv1, self.bn1 = self._convolution("1", outer, self.middle_channels)
        self.conv2, self.bn2 = self._convolution("2", inner, self.middle_channels, 3, self.strides)
        self.conv3, self.bn3 = self._convolution("3", inner, self.out_channels)
        if self.has_downsample:
            self.downsample_conv, self.downsample_bn = self._convolution("downsample", outer, self.out_channels)

    def _convolution(
        self, name: str, input_shape: tuple, filters: int, size: int = 1, strides: int = 1
    ) -> tuple[ElasticConv2D, ElasticBatchNormalization]:
        conv_name, bn_name = (f"conv{name}", f"bn{name}") if name.isdigit() else (f"{name}_conv", f"{name}_bn")
        initializer = fork(self.kernel_initializer, conv_name)
        conv = ElasticConv2D(
            filters, size, strides, kernel_initializer=initializer, name=conv_name, dtype=self.dtype_policy
        )
        normalization = ElasticBatchNormalization(
            epsilon=self.epsilon, momentum=self.momentum, name=bn_name, dtype=self.dtype_policy
        )
        conv.build(input_shape)
        normalization.build((*input_shape[:-1], filters))
        return conv, normalization

    def call(
        self,
        inputs: tf.Tensor,
        middle_channels: Any = None,
        out_channels: Any = None,
        training: bool = False,
        momentum: Any = None,
    ) -> tf.Tensor:
        normalization = {"training": training, "momentum": momentum}
        x = tf.nn.relu(self.bn1(self.conv1(inputs, filters=middle_channels), **normalization))
        x = tf.nn.relu(self.bn2(self.conv2(x, filters=middle_channels), **normalization))
        x = self.bn3(self.conv3(x, filters=out_channels), **normalization)
        shortcut = inputs
        if self.has_downsample:
            if self.strides > 1:  # "SAME": a last row or column is averaged over what there is of it
                shortcut = tf.nn.avg_pool2d(shortcut, self.strides, self.strides, "SAME")
            shortcut = self.downsample_bn(self.downsample_conv(shortcut, filters=out_channels), **normalization)
        return tf.nn.relu(shortcut + x)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*self.conv2.compute_output_shape(input_shape)[:-1], self.out_channels)

    def static_weights(self, block: Bottleneck) -> dict[str, list[np.ndarray]]:
        """Weights of the plain layers of one static block, by name."""
        weights = {
            "conv1": self.conv1.static_weights(block.in_channels, block.middle_channels),
            "bn1": self.bn1.static_weights(block.middle_channels),
            "conv2": self.conv2.static_weights(block.middle_channels, block.middle_channels),
            "bn2": self.bn2.static_weights(block.middle_channels),
            "conv3": self.conv3.static_weights(block.middle_channels, block.out_channels),
            "bn3": self.bn3.static_weights(block.out_channels),
        }
        if self.has_downsample:
            weights["downsample_conv"] = self.downsample_conv.static_weights(block.in_channels, block.out_channels)
            weights["downsample_bn"] = self.downsample_bn.static_weights(block.out_channels)
        return weights

    def get_config(self) -> dict[str, Any]:
        config = {
            "middle_channels": self.middle_channels,
            "out_channels": self.out_channels,
            "strides": self.strides,
            "has_downsample": self.has_downsample,
            "epsilon": self.epsilon,
            "momentum": self.momentum,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
        return {**super().get_config(), **config}
