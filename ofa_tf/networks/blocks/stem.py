"""`ConvStem`: the layer of `ofa_tf.space.blocks.stem.Stem`."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.networks.blocks.part_layer import (
    NetworkSettings,
    StemLayer,
    add_plain_pair,
    layer_arguments,
    register_part_layer,
)
from ofa_tf.networks.layers.plain import Tensor
from ofa_tf.space.blocks.stem import Stem
from ofa_tf.space.parts import Part


@register_part_layer(Stem)
@keras.saving.register_keras_serializable(package="ofa_tf")
class ConvStem(StemLayer[Stem]):
    """3x3 convolution, batch normalization, activation; nothing of it is elastic.

    Args:
        out_channels: Output channels.
        strides: Stride of the convolution.
        activation: Name of the activation.
        **kwargs: As for all parts: `epsilon`, `momentum`, `kernel_initializer`.

    Input shape:
        `(batch, height, width, 3)`

    Output shape:
        `(batch, ceil(height / strides), ceil(width / strides), out_channels)`
    """

    def __init__(self, out_channels: int, strides: int = 2, activation: str = "hard_swish", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.out_channels = out_channels
        self.strides = strides
        self.activation = activation

    def build(self, input_shape: tuple) -> None:
        self.conv, self.bn = self._convolution_and_norm(
            ("conv", "bn"),
            input_shape,
            self.out_channels,
            kernel_size=3,
            strides=self.strides,
            activation=self.activation,
        )

    def call(
        self, inputs: tf.Tensor, training: bool = False, momentum: Any = None, update_statistics: bool = True
    ) -> tf.Tensor:
        x = self.conv(inputs)
        return self.bn(x, training=training, momentum=momentum, update_statistics=update_statistics)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return self.conv.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        config = {"out_channels": self.out_channels, "strides": self.strides, "activation": self.activation}
        return {**super().get_config(), **config}

    @classmethod
    def from_part(cls, part: Part, settings: NetworkSettings) -> "ConvStem":
        stem: Stem = part.largest
        return cls(
            stem.out_channels, strides=stem.stride, activation=stem.activation, **layer_arguments(part, settings)
        )

    @classmethod
    def add_plain(cls, x: Tensor, prefix: str, option: Stem, settings: NetworkSettings) -> Tensor:
        names = (f"{prefix}conv", f"{prefix}bn")
        return add_plain_pair(
            x, names, settings, option.out_channels, kernel_size=3, strides=option.stride, activation=option.activation
        )

    def static_weights(self, option: Stem) -> dict[str, list[np.ndarray]]:
        return {"conv": self.conv.static_weights(option.in_channels), "bn": self.bn.static_weights(option.out_channels)}

    @classmethod
    def published_names(cls, option: Stem) -> dict[str, str]:
        del option
        return {"conv": "first_conv.conv", "bn": "first_conv.bn"}
