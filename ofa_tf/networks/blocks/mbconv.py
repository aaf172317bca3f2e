"""`ElasticMBConv`: an inverted-bottleneck block of elastic width and kernel size."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.networks.layers.activations import get_activation
from ofa_tf.networks.layers.elastic_batch_normalization import ElasticBatchNormalization
from ofa_tf.networks.layers.elastic_conv2d import ElasticConv2D
from ofa_tf.networks.layers.elastic_depthwise_conv2d import ElasticDepthwiseConv2D
from ofa_tf.networks.layers.elastic_squeeze_excite import ElasticSqueezeExcite
from ofa_tf.networks.layers.initializers import fork
from ofa_tf.networks.layers.slicing import check_at_most
from ofa_tf.space.part_types import MBConv


@keras.saving.register_keras_serializable(package="ofa_tf")
class ElasticMBConv(keras.layers.Layer):
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
        epsilon: Of batch normalization.
        momentum: Of batch normalization.
        kernel_initializer: Initializer of all convolutions.

    Call arguments:
        inputs: Float tensor of rank 4.
        kernel_size: int or scalar int32 tensor; the largest by default.
        middle_channels: int or scalar int32 tensor; all by default.
        squeeze_channels: int or scalar int32 tensor; all by default.
        training: Whether batch normalization uses the batch's statistics.
        momentum: Overrides batch normalization's momentum.

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

    elastic_arguments = ("kernel_size", "middle_channels", "squeeze_channels")

    def __init__(
        self,
        out_channels: int,
        middle_channels: int | None,
        kernel_sizes: Sequence[int] = (3, 5, 7),
        strides: int = 1,
        activation: str = "relu",
        squeeze_channels: int = 0,
        has_residual: bool = False,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
        kernel_initializer: Any = "glorot_uniform",
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
        self.epsilon = epsilon
        self.momentum = momentum
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self._activate = get_activation(activation)

    def build(self, input_shape: tuple) -> None:
        if self.has_residual and input_shape[-1] != self.out_channels:
            raise ValueError(
                f"Expected {self.out_channels} input channels with a residual connection. Received: {input_shape[-1]}."
            )
        middle = self.middle_channels or input_shape[-1]

        def convolution(name: str) -> dict[str, Any]:
            initializer = fork(self.kernel_initializer, name)
            return {"name": name, "kernel_initializer": initializer, "dtype": self.dtype_policy}

        normalization = {"epsilon": self.epsilon, "momentum": self.momentum, "dtype": self.dtype_policy}
        outer, inner = (*input_shape[:-1], input_shape[-1]), (*input_shape[:-1], middle)
        if self.middle_channels is not None:
            self.expand_conv = ElasticConv2D(middle, **convolution("expand_conv"))
            self.expand_bn = ElasticBatchNormalization(name="expand_bn", **normalization)
            self.expand_conv.build(outer)
            self.expand_bn.build(inner)
        self.depthwise_conv = ElasticDepthwiseConv2D(self.kernel_sizes, self.strides, **convolution("depthwise_conv"))
        self.depthwise_bn = ElasticBatchNormalization(name="depthwise_bn", **normalization)
        self.depthwise_conv.build(inner)
        self.depthwise_bn.build(inner)
        if self.squeeze_channels:
            self.squeeze_excite = ElasticSqueezeExcite(self.squeeze_channels, **convolution("se"))
            self.squeeze_excite.build(inner)
        self.project_conv = ElasticConv2D(self.out_channels, **convolution("project_conv"))
        self.project_bn = ElasticBatchNormalization(name="project_bn", **normalization)
        self.project_conv.build(inner)
        self.project_bn.build((*input_shape[:-1], self.out_channels))

    def call(
        self,
        inputs: tf.Tensor,
        kernel_size: Any = None,
        middle_channels: Any = None,
        squeeze_channels: Any = None,
        training: bool = False,
        momentum: Any = None,
    ) -> tf.Tensor:
        if self.middle_channels is not None:
            check_at_most("middle_channels", middle_channels, self.middle_channels)
        normalization = {"training": training, "momentum": momentum}
        x = inputs
        if self.middle_channels is not None:
            x = self.expand_conv(x, filters=middle_channels)
            x = self._activate(self.expand_bn(x, **normalization))
        x = self.depthwise_conv(x, kernel_size=kernel_size)
        x = self._activate(self.depthwise_bn(x, **normalization))
        if self.squeeze_channels:
            x = self.squeeze_excite(x, squeeze_channels=squeeze_channels)
        x = self.project_bn(self.project_conv(x), **normalization)
        return inputs + x if self.has_residual else x

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*self.depthwise_conv.compute_output_shape(input_shape)[:-1], self.out_channels)

    def static_weights(self, block: MBConv) -> dict[str, list[np.ndarray]]:
        """Weights of the plain layers of one static block, by name."""
        middle, weights = block.middle_channels, {}
        if self.middle_channels is not None:
            weights["expand_conv"] = self.expand_conv.static_weights(block.in_channels, middle)
            weights["expand_bn"] = self.expand_bn.static_weights(middle)
        weights["depthwise_conv"] = self.depthwise_conv.static_weights(middle, block.kernel_size)
        weights["depthwise_bn"] = self.depthwise_bn.static_weights(middle)
        if self.squeeze_channels:
            inner = self.squeeze_excite.static_weights(middle, block.squeeze_channels)
            weights |= {f"se_{name}": values for name, values in inner.items()}
        weights["project_conv"] = self.project_conv.static_weights(middle)
        weights["project_bn"] = self.project_bn.static_weights(self.out_channels)
        return weights

    def get_config(self) -> dict[str, Any]:
        config = {
            "out_channels": self.out_channels,
            "middle_channels": self.middle_channels,
            "kernel_sizes": self.kernel_sizes,
            "strides": self.strides,
            "activation": self.activation,
            "squeeze_channels": self.squeeze_channels,
            "has_residual": self.has_residual,
            "epsilon": self.epsilon,
            "momentum": self.momentum,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
        return {**super().get_config(), **config}
