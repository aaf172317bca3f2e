"""`ElasticDepthwiseConv2D`: a depthwise convolution of elastic kernel size."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.networks.layers.depthwise import depthwise_conv2d
from ofa_tf.networks.layers.slicing import as_numpy, first_channels, num_channels, strided_size


@keras.saving.register_keras_serializable(package="ofa_tf")
class ElasticDepthwiseConv2D(keras.layers.Layer):
    """Depthwise convolution with an elastic kernel size and number of channels.

    The weights are those of the largest kernel. A smaller kernel is the centre
    of the next larger one, multiplied by a learned matrix that all channels
    share and that starts as the identity; for kernel sizes 3, 5 and 7 the
    matrices have 25 x 25 + 9 x 9 = 706 entries.

    Args:
        kernel_sizes: The odd kernel sizes to choose from, ascending.
        strides: Stride along height and width.
        kernel_initializer: Initializer of the largest kernel.

    Call arguments:
        inputs: Float tensor of rank 4 with at most the channels of `build`.
        kernel_size: One of `kernel_sizes`, int or scalar int32 tensor; the
            largest by default.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, ceil(height / strides), ceil(width / strides), channels)`

    Raises:
        ValueError: If `kernel_sizes` is empty, even or not ascending, or if
            `kernel_size` is an int that is not among them.

    Reference: Once-for-All, section 3.3, "elastic kernel size".
    """

    def __init__(
        self,
        kernel_sizes: Sequence[int] = (3, 5, 7),
        strides: int = 1,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        kernel_sizes = tuple(kernel_sizes)
        if not kernel_sizes or list(kernel_sizes) != sorted(set(kernel_sizes)) or any(k % 2 == 0 for k in kernel_sizes):
            raise ValueError(f"Expected `kernel_sizes` to be odd and ascending. Received: kernel_sizes={kernel_sizes}.")
        self.kernel_sizes = kernel_sizes
        self.strides = strides
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: tuple) -> None:
        largest = self.kernel_sizes[-1]
        self.kernel = self.add_weight(
            name="kernel", shape=(largest, largest, input_shape[-1], 1), initializer=self.kernel_initializer
        )
        self.transforms = {}
        for source, target in zip(self.kernel_sizes[:0:-1], self.kernel_sizes[-2::-1], strict=True):
            self.transforms[str(target)] = self.add_weight(
                name=f"transform_{source}to{target}", shape=(target**2, target**2), initializer="identity"
            )

    def call(self, inputs: tf.Tensor, kernel_size: Any = None) -> tf.Tensor:
        if kernel_size is None:
            kernel_size = self.kernel_sizes[-1]
        if not tf.is_tensor(kernel_size):
            self._check_kernel_size(kernel_size)
            return self._convolve(inputs, kernel_size)
        if len(self.kernel_sizes) == 1:
            return self._convolve(inputs, self.kernel_sizes[0])
        index = tf.reduce_sum(tf.cast(kernel_size > tf.constant(self.kernel_sizes), tf.int32))
        branches = [lambda size=size: self._convolve(inputs, size) for size in self.kernel_sizes]
        outputs = tf.switch_case(index, branches)
        outputs.set_shape(self.compute_output_shape(inputs.shape))
        return outputs

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, channels = input_shape
        return (batch, strided_size(height, self.strides), strided_size(width, self.strides), channels)

    def get_config(self) -> dict[str, Any]:
        config = {
            "kernel_sizes": self.kernel_sizes,
            "strides": self.strides,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
        return {**super().get_config(), **config}

    def static_weights(self, channels: int, kernel_size: int) -> list[np.ndarray]:
        """Weights of the plain `DepthwiseConv2D` with this kernel size and these channels."""
        self._check_kernel_size(kernel_size)
        kernel = as_numpy(self.kernel)[:, :, :channels]
        return [self._transform(tf.constant(kernel), kernel_size).numpy()]

    def _convolve(self, inputs: tf.Tensor, kernel_size: int) -> tf.Tensor:
        kernel = first_channels(self.kernel, num_channels(inputs), axis=-2)
        return depthwise_conv2d(inputs, self._transform(kernel, kernel_size), self.strides)

    def _transform(self, kernel: tf.Tensor, kernel_size: int) -> tf.Tensor:
        for target in self.kernel_sizes[-2::-1]:
            if target < kernel_size:
                break
            margin = (kernel.shape[0] - target) // 2
            centre = tf.reshape(kernel[margin : margin + target, margin : margin + target], (target**2, -1))
            matrix = tf.cast(tf.convert_to_tensor(self.transforms[str(target)]), kernel.dtype)
            kernel = tf.reshape(matrix @ centre, (target, target, -1, 1))  # (target, target, channels, 1)
        return kernel

    def _check_kernel_size(self, kernel_size: int) -> None:
        if kernel_size not in self.kernel_sizes:
            raise ValueError(
                f"Expected `kernel_size` to be one of {self.kernel_sizes}. Received: kernel_size={kernel_size}."
            )
