"""`ElasticSqueezeExcite`: channel attention of elastic width."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.networks.layers.activations import get_activation
from ofa_tf.networks.layers.channel_order import order_by_importance, permute_channels
from ofa_tf.networks.layers.elastic_conv2d import ElasticConv2D
from ofa_tf.networks.layers.initializers import fork
from ofa_tf.networks.layers.pooling import global_average_pool
from ofa_tf.networks.layers.slicing import check_at_most, num_channels


@keras.saving.register_keras_serializable(package="ofa_tf")
class ElasticSqueezeExcite(keras.layers.Layer):
    """Squeeze-and-excite with an elastic number of outer and squeezed channels.

    Global average, 1x1 convolution to the squeezed channels, ReLU, 1x1
    convolution back, hard-sigmoid; the input is multiplied by the result.

    Args:
        squeeze_channels: Largest number of squeezed channels.
        kernel_initializer: Initializer of both convolutions.

    Call arguments:
        inputs: Float tensor of rank 4 with at most the channels of `build`.
        squeeze_channels: Number of squeezed channels, int or scalar int32
            tensor; all by default.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        Same as the input.

    Raises:
        ValueError: If `squeeze_channels` is an int above the largest number.

    Reference: MobileNetV3, Howard et al., ICCV 2019, section 5.3.
    """

    def __init__(self, squeeze_channels: int, kernel_initializer: Any = "glorot_uniform", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if squeeze_channels < 1:
            raise ValueError(
                f"Expected `squeeze_channels` to be at least 1. Received: squeeze_channels={squeeze_channels}."
            )
        self.squeeze_channels = squeeze_channels
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self._hard_sigmoid = get_activation("hard_sigmoid")

    def build(self, input_shape: tuple) -> None:
        channels = input_shape[-1]
        self.reduce_conv = self._convolution(self.squeeze_channels, "reduce")
        self.expand_conv = self._convolution(channels, "expand")
        self.reduce_conv.build((None, 1, 1, channels))
        self.expand_conv.build((None, 1, 1, self.squeeze_channels))

    def call(self, inputs: tf.Tensor, squeeze_channels: Any = None) -> tf.Tensor:
        check_at_most("squeeze_channels", squeeze_channels, self.squeeze_channels)
        scale = global_average_pool(inputs)
        scale = tf.nn.relu(self.reduce_conv(scale, filters=squeeze_channels))
        scale = self._hard_sigmoid(self.expand_conv(scale, filters=num_channels(inputs)))
        return inputs * scale

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = {
            "squeeze_channels": self.squeeze_channels,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
        return {**super().get_config(), **config}

    def static_weights(self, channels: int, squeeze_channels: int) -> dict[str, list[np.ndarray]]:
        """Weights of the plain layers, by name (`reduce`, `expand`)."""
        return {
            "reduce": self.reduce_conv.static_weights(channels, squeeze_channels),
            "expand": self.expand_conv.static_weights(squeeze_channels, channels),
        }

    def reorder(self, order: np.ndarray) -> None:
        """Put the outer channels into another order and sort the squeezed ones by importance, in place."""
        reduce, expand = self.reduce_conv, self.expand_conv
        permute_channels(reduce.kernel, order, axis=-2)
        permute_channels(expand.kernel, order)
        permute_channels(expand.bias, order)
        squeeze_order = order_by_importance(expand.kernel)
        permute_channels(expand.kernel, squeeze_order, axis=-2)
        permute_channels(reduce.kernel, squeeze_order)
        permute_channels(reduce.bias, squeeze_order)

    def _convolution(self, filters: int, name: str) -> ElasticConv2D:
        initializer = fork(self.kernel_initializer, name)
        return ElasticConv2D(filters, use_bias=True, kernel_initializer=initializer, dtype=self.dtype_policy, name=name)
