"""`ElasticDense`: a linear layer that uses its first input channels."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.networks.layers.slicing import as_numpy, first_channels, num_channels


@keras.saving.register_keras_serializable(package="ofa_tf")
class ElasticDense(keras.layers.Layer):
    """Linear layer with a bias that uses its first input channels.

    Args:
        units: Output channels.
        kernel_initializer: Initializer of the kernel.

    Input shape:
        `(batch, channels)`, with at most the channels of `build`

    Output shape:
        `(batch, units)`
    """

    def __init__(self, units: int, kernel_initializer: Any = "glorot_uniform", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: tuple) -> None:
        shape = (input_shape[-1], self.units)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=self.kernel_initializer)
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        kernel = first_channels(self.kernel, num_channels(inputs), axis=-2)
        return tf.nn.bias_add(inputs @ kernel, tf.convert_to_tensor(self.bias))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "units": self.units, "kernel_initializer": initializer}

    def static_weights(self, in_channels: int) -> list[np.ndarray]:
        """Weights of the plain `Dense` with this number of input channels."""
        kernel = as_numpy(self.kernel)
        return [kernel[:in_channels], as_numpy(self.bias)]
