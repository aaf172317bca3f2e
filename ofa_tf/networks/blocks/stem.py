"""What comes before the first block: a plain stem, and ResNet-D's of elastic width and depth."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.networks.layers.activations import get_activation
from ofa_tf.networks.layers.elastic_batch_normalization import ElasticBatchNormalization
from ofa_tf.networks.layers.elastic_conv2d import ElasticConv2D
from ofa_tf.networks.layers.initializers import fork
from ofa_tf.space.part_types import DeepStem, Stem


class _StemLayer(keras.layers.Layer):
    """What the two stems share.

    Args:
        out_channels: Output channels, the largest number if they are elastic.
        epsilon: Of batch normalization.
        momentum: Of batch normalization.
        kernel_initializer: Initializer of all convolutions.
    """

    def __init__(
        self,
        out_channels: int,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.out_channels = out_channels
        self.epsilon = epsilon
        self.momentum = momentum
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def _convolution(
        self, index: str, in_channels: int, filters: int, strides: int = 1
    ) -> tuple[ElasticConv2D, ElasticBatchNormalization]:
        name = f"conv{index}"
        initializer = fork(self.kernel_initializer, f"{self.name}_{name}")
        conv = ElasticConv2D(filters, 3, strides, kernel_initializer=initializer, name=name, dtype=self.dtype_policy)
        normalization = ElasticBatchNormalization(
            epsilon=self.epsilon, momentum=self.momentum, name=f"bn{index}", dtype=self.dtype_policy
        )
        conv.build((None, None, None, in_channels))
        normalization.build((None, None, None, filters))
        return conv, normalization

    def get_config(self) -> dict[str, Any]:
        config = {
            "out_channels": self.out_channels,
            "epsilon": self.epsilon,
            "momentum": self.momentum,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable(package="ofa_tf")
class ConvStem(_StemLayer):
    """3x3 convolution, batch normalization, activation; nothing of it is elastic.

    Args:
        out_channels: Output channels.
        strides: Stride of the convolution.
        activation: Name of the activation, see `get_activation`.
        **kwargs: As for all stems: `epsilon`, `momentum`, `kernel_initializer`.

    Input shape:
        `(batch, height, width, 3)`

    Output shape:
        `(batch, ceil(height / strides), ceil(width / strides), out_channels)`
    """

    elastic_arguments = ()

    def __init__(self, out_channels: int, strides: int = 2, activation: str = "hard_swish", **kwargs: Any) -> None:
        super().__init__(out_channels, **kwargs)
        self.strides = strides
        self.activation = activation
        self._activate = get_activation(activation)

    def build(self, input_shape: tuple) -> None:
        self.conv, self.bn = self._convolution("", input_shape[-1], self.out_channels, self.strides)

    def call(self, inputs: tf.Tensor, training: bool = False, momentum: Any = None) -> tf.Tensor:
        return self._activate(self.bn(self.conv(inputs), training=training, momentum=momentum))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return self.conv.compute_output_shape(input_shape)

    def static_weights(self, stem: Stem) -> dict[str, list[np.ndarray]]:
        """Weights of the plain layers, by name."""
        return {"conv": self.conv.static_weights(stem.in_channels), "bn": self.bn.static_weights(stem.out_channels)}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "strides": self.strides, "activation": self.activation}


@keras.saving.register_keras_serializable(package="ofa_tf")
class ElasticDeepStem(_StemLayer):
    """The stem of ResNet-D: three 3x3 convolutions, the second of which may be skipped, and a max pooling.

    The first convolution and the pooling have a stride of 2.

    Args:
        middle_channels: Largest number of channels between the convolutions.
        out_channels: Largest number of output channels.
        **kwargs: As for all stems: `epsilon`, `momentum`, `kernel_initializer`.

    Call arguments:
        inputs: Float tensor of rank 4.
        middle_channels: int or scalar int32 tensor; all by default.
        out_channels: int or scalar int32 tensor; all by default.
        depth: 0 skips the second convolution; int or scalar int32 tensor.
        training: Whether batch normalization uses the batch's statistics.
        momentum: Overrides batch normalization's momentum.

    Input shape:
        `(batch, height, width, 3)`

    Output shape:
        `(batch, ceil(height / 4), ceil(width / 4), out_channels)`

    Reference: "Bag of Tricks for Image Classification with CNNs", He et al.,
    CVPR 2019, section 4; elasticity: Once-for-All, released code.
    """

    elastic_arguments = ("middle_channels", "out_channels", "depth")

    def __init__(self, middle_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__(out_channels, **kwargs)
        self.middle_channels = middle_channels

    def build(self, input_shape: tuple) -> None:
        self.conv1, self.bn1 = self._convolution("1", input_shape[-1], self.middle_channels, 2)
        self.conv2, self.bn2 = self._convolution("2", self.middle_channels, self.middle_channels)
        self.conv3, self.bn3 = self._convolution("3", self.middle_channels, self.out_channels)

    def call(
        self,
        inputs: tf.Tensor,
        middle_channels: Any = None,
        out_channels: Any = None,
        depth: Any = 1,
        training: bool = False,
        momentum: Any = None,
    ) -> tf.Tensor:
        normalization = {"training": training, "momentum": momentum}
        x = tf.nn.relu(self.bn1(self.conv1(inputs, filters=middle_channels), **normalization))

        def add_second() -> tf.Tensor:
            return x + tf.nn.relu(self.bn2(self.conv2(x, filters=middle_channels), **normalization))

        if tf.is_tensor(depth):
            x = tf.cond(depth > 0, add_second, lambda: x)
        elif depth:
            x = add_second()
        x = tf.nn.relu(self.bn3(self.conv3(x, filters=out_channels), **normalization))
        # After a ReLU, zeros around the image are as good as the minus infinity of a max pooling's own padding.
        return tf.nn.max_pool2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), 3, 2, "VALID")

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, *sizes, _ = self.conv1.compute_output_shape(input_shape)
        return (batch, *(None if size is None else (size - 1) // 2 + 1 for size in sizes), self.out_channels)

    def static_weights(self, stem: DeepStem) -> dict[str, list[np.ndarray]]:
        """Weights of the plain layers, by name."""
        middle, out = stem.middle_channels, stem.out_channels
        weights = {"conv1": self.conv1.static_weights(stem.in_channels, middle), "bn1": self.bn1.static_weights(middle)}
        if stem.depth:
            weights |= {"conv2": self.conv2.static_weights(middle, middle), "bn2": self.bn2.static_weights(middle)}
        return weights | {"conv3": self.conv3.static_weights(middle, out), "bn3": self.bn3.static_weights(out)}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "middle_channels": self.middle_channels}
