"""`ElasticConv2D`: a convolution that uses its first input and output channels."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.networks.layers.slicing import (
    as_numpy,
    check_at_most,
    first_channels,
    first_in_and_out_channels,
    num_channels,
    pad_symmetrically,
    strided_size,
)


@keras.saving.register_keras_serializable(package="ofa_tf")
class ElasticConv2D(keras.layers.Layer):
    """2D convolution with an elastic number of input and output channels.

    The weights are those of the widest convolution; a narrower one uses the
    first channels of them. Padding is symmetric, `kernel_size // 2`.

    Args:
        filters: Largest number of output channels.
        kernel_size: Odd kernel height and width.
        strides: Stride along height and width.
        use_bias: Whether to add a bias.
        kernel_initializer: Initializer of the kernel.

    Call arguments:
        inputs: Float tensor of rank 4 with at most the channels of `build`.
        filters: Number of output channels, int or scalar int32 tensor; all by
            default.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, ceil(height / strides), ceil(width / strides), filters)`

    Raises:
        ValueError: If `filters` is an int above the largest number.

    Reference: Once-for-All, section 3.3, "elastic width".
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 1,
        strides: int = 1,
        use_bias: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if filters < 1:
            raise ValueError(f"Expected `filters` to be at least 1. Received: filters={filters}.")
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"Expected `kernel_size` to be odd. Received: kernel_size={kernel_size}.")
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: tuple) -> None:
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=self.kernel_initializer)
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, inputs: tf.Tensor, filters: Any = None) -> tf.Tensor:
        check_at_most("filters", filters, self.filters)
        kernel = tf.convert_to_tensor(self.kernel)
        if self.kernel_size == self.strides == 1:
            matrix = tf.squeeze(kernel, axis=(0, 1))  # (in, out)
            matrix = first_in_and_out_channels(matrix, num_channels(inputs), filters)
            outputs = _pointwise(inputs, matrix)
        else:
            kernel = first_in_and_out_channels(kernel, num_channels(inputs), filters)
            inputs, padding = pad_symmetrically(inputs, self.kernel_size, self.strides)
            outputs = tf.nn.conv2d(inputs, kernel, self.strides, padding)
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, first_channels(self.bias, filters))
        return outputs

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, _ = input_shape
        return (batch, strided_size(height, self.strides), strided_size(width, self.strides), self.filters)

    def get_config(self) -> dict[str, Any]:
        config = {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
        return {**super().get_config(), **config}

    def static_weights(self, in_channels: int, filters: int | None = None) -> list[np.ndarray]:
        """Weights of the plain `Conv2D` with these numbers of channels."""
        weights = [as_numpy(self.kernel)[:, :, :in_channels, :filters]]
        return [*weights, as_numpy(self.bias)[:filters]] if self.use_bias else weights


def _pointwise(inputs: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """A 1x1 convolution as a matrix product, which is faster in the backward pass."""
    pixels = tf.reshape(inputs, (-1, num_channels(inputs)))
    outputs = pixels @ matrix

    outer_sizes = tf.shape(inputs)[:-1]
    filters = tf.shape(matrix)[-1:]
    shape = tf.concat([outer_sizes, filters], axis=0)
    outputs = tf.reshape(outputs, shape)
    outputs.set_shape((*inputs.shape[:-1], matrix.shape[-1]))
    return outputs
