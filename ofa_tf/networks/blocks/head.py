"""`ElasticHead`: from the last block's output to the logits."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.networks.layers.activations import get_activation
from ofa_tf.networks.layers.elastic_batch_normalization import ElasticBatchNormalization
from ofa_tf.networks.layers.elastic_conv2d import ElasticConv2D
from ofa_tf.networks.layers.initializers import classifier_initializer, fork
from ofa_tf.networks.layers.slicing import as_numpy, first_channels, num_channels
from ofa_tf.space.part_types import Head


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
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[-1], self.units), initializer=self.kernel_initializer
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        kernel = first_channels(self.kernel, num_channels(inputs), axis=-2)
        return tf.nn.bias_add(inputs @ kernel, tf.convert_to_tensor(self.bias))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:-1], self.units)

    def static_weights(self, in_channels: int) -> list[np.ndarray]:
        """Weights of the plain `Dense` with this number of input channels."""
        return [as_numpy(self.kernel)[:in_channels], as_numpy(self.bias)]

    def get_config(self) -> dict[str, Any]:
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "units": self.units, "kernel_initializer": initializer}


@keras.saving.register_keras_serializable(package="ofa_tf")
class ElasticHead(keras.layers.Layer):
    """1x1 convolution, pooling, 1x1 convolution, dropout and classifier, for any number of input channels.

    Args:
        num_classes: Number of classes.
        feature_width: Channels of the convolution before pooling; 0: none.
        head_width: Channels of the convolution after pooling; 0: none.
        activation: Name of the activation, see `get_activation`.
        dropout_rate: Dropout before the classifier.
        epsilon: Of batch normalization.
        momentum: Of batch normalization.
        kernel_initializer: Initializer of the convolutions.
        seed: Makes the classifier's initial weights and the dropout reproducible.

    Call arguments:
        inputs: Float tensor of rank 4 with at most the channels of `build`.
        training: Whether batch normalization uses the batch's statistics, and
            dropout is active.
        momentum: Overrides batch normalization's momentum.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, num_classes)`, float32.
    """

    elastic_arguments = ()

    def __init__(
        self,
        num_classes: int,
        feature_width: int = 0,
        head_width: int = 0,
        activation: str = "hard_swish",
        dropout_rate: float = 0.0,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
        kernel_initializer: Any = "glorot_uniform",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.feature_width = feature_width
        self.head_width = head_width
        self.activation = activation
        self.dropout_rate = dropout_rate
        self.epsilon = epsilon
        self.momentum = momentum
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.seed = seed
        self._activate = get_activation(activation)
        self.dropout = keras.layers.Dropout(dropout_rate, seed=seed, name="dropout", dtype=self.dtype_policy)

    def build(self, input_shape: tuple) -> None:
        shape = (None, None, None, input_shape[-1])

        def convolution(filters: int, name: str) -> ElasticConv2D:
            initializer = fork(self.kernel_initializer, name)
            layer = ElasticConv2D(filters, kernel_initializer=initializer, name=name, dtype=self.dtype_policy)
            layer.build(shape)
            return layer

        if self.feature_width:
            self.feature_conv = convolution(self.feature_width, "feature_conv")
            self.feature_bn = ElasticBatchNormalization(
                epsilon=self.epsilon, momentum=self.momentum, name="feature_bn", dtype=self.dtype_policy
            )
            shape = (None, None, None, self.feature_width)
            self.feature_bn.build(shape)
        if self.head_width:
            self.head_conv = convolution(self.head_width, "head_conv")
            shape = (None, None, None, self.head_width)
        initializer = fork(classifier_initializer(self.seed), "classifier")
        self.classifier = ElasticDense(self.num_classes, initializer, dtype="float32", name="classifier")
        self.classifier.build((None, shape[-1]))

    def call(self, inputs: tf.Tensor, training: bool = False, momentum: Any = None) -> tf.Tensor:
        x = inputs
        if self.feature_width:
            x = self._activate(self.feature_bn(self.feature_conv(x), training=training, momentum=momentum))
        x = tf.reduce_mean(x, axis=(1, 2), keepdims=True)
        if self.head_width:
            x = self._activate(self.head_conv(x))
        return self.classifier(self.dropout(tf.squeeze(x, axis=(1, 2)), training=training))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], self.num_classes)

    def static_weights(self, head: Head) -> dict[str, list[np.ndarray]]:
        """Weights of the plain layers, by name."""
        weights = {}
        if self.feature_width:
            weights["feature_conv"] = self.feature_conv.static_weights(head.in_channels)
            weights["feature_bn"] = self.feature_bn.static_weights(self.feature_width)
        if self.head_width:
            weights["head_conv"] = self.head_conv.static_weights(self.feature_width or head.in_channels)
        return weights | {"classifier": self.classifier.static_weights(head.last_width)}

    def get_config(self) -> dict[str, Any]:
        config = {
            "num_classes": self.num_classes,
            "feature_width": self.feature_width,
            "head_width": self.head_width,
            "activation": self.activation,
            "dropout_rate": self.dropout_rate,
            "epsilon": self.epsilon,
            "momentum": self.momentum,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "seed": self.seed,
        }
        return {**super().get_config(), **config}
