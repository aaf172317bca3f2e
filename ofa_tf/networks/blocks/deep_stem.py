"""`ElasticDeepStem`: the layer of `ofa_tf.space.blocks.deep_stem.DeepStem`."""

from typing import Any, ClassVar

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
from ofa_tf.space.blocks.deep_stem import DeepStem
from ofa_tf.space.parts import Part


@register_part_layer(DeepStem)
@keras.saving.register_keras_serializable(package="ofa_tf")
class ElasticDeepStem(StemLayer[DeepStem]):
    """The stem of ResNet-D: three 3x3 convolutions, the second of which may be skipped, and a max pooling.

    The first convolution and the pooling have a stride of 2.

    Args:
        middle_channels: Largest number of channels between the convolutions.
        out_channels: Largest number of output channels.
        depth: Largest depth: 0 leaves the second convolution out for good.
        **kwargs: As for all parts: `epsilon`, `momentum`, `kernel_initializer`.

    Call arguments:
        inputs: Float tensor of rank 4.
        middle_channels: int or scalar int32 tensor; all by default.
        out_channels: int or scalar int32 tensor; all by default.
        depth: 0 skips the second convolution; int or scalar int32 tensor; the largest
            by default.
        training: Whether batch normalization uses the batch's statistics.
        momentum: Overrides batch normalization's momentum.
        update_statistics: Whether training updates the running statistics.

    Input shape:
        `(batch, height, width, 3)`

    Output shape:
        `(batch, ceil(height / 4), ceil(width / 4), out_channels)`

    Reference: "Bag of Tricks for Image Classification with CNNs", He et al.,
    CVPR 2019, section 4; elasticity: Once-for-All, released code.
    """

    elastic_arguments: ClassVar[tuple[str, ...]] = ("middle_channels", "out_channels", "depth")

    def __init__(self, middle_channels: int, out_channels: int, depth: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.middle_channels = middle_channels
        self.out_channels = out_channels
        self.depth = depth

    def build(self, input_shape: tuple) -> None:
        outer = tuple(input_shape)
        inner = (*outer[:-1], self.middle_channels)
        middle, out = self.middle_channels, self.out_channels
        self.conv1, self.bn1 = self._convolution_and_norm(
            ("conv1", "bn1"), outer, middle, kernel_size=3, strides=2, activation="relu"
        )
        if self.depth:
            self.conv2, self.bn2 = self._convolution_and_norm(
                ("conv2", "bn2"), inner, middle, kernel_size=3, activation="relu"
            )
        self.conv3, self.bn3 = self._convolution_and_norm(
            ("conv3", "bn3"), inner, out, kernel_size=3, activation="relu"
        )

    def call(
        self,
        inputs: tf.Tensor,
        middle_channels: Any = None,
        out_channels: Any = None,
        depth: Any = None,
        training: bool = False,
        momentum: Any = None,
        update_statistics: bool = True,
    ) -> tf.Tensor:
        statistics = {"training": training, "momentum": momentum, "update_statistics": update_statistics}
        x = self.conv1(inputs, filters=middle_channels)
        x = self.bn1(x, **statistics)

        def add_second() -> tf.Tensor:
            inner = self.conv2(x, filters=middle_channels)
            return x + self.bn2(inner, **statistics)

        if depth is None:
            depth = self.depth
        if tf.is_tensor(depth):
            x = tf.cond(depth > 0, add_second, lambda: x)
        elif depth:
            x = add_second()
        x = self.conv3(x, filters=out_channels)
        x = self.bn3(x, **statistics)
        # After a ReLU, zeros around the image are as good as the minus infinity of a max pooling's own padding.
        padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
        return tf.nn.max_pool2d(padded, 3, 2, "VALID")

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, *sizes, _ = self.conv1.compute_output_shape(input_shape)
        pooled = [None if size is None else (size - 1) // 2 + 1 for size in sizes]
        return (batch, *pooled, self.out_channels)

    def get_config(self) -> dict[str, Any]:
        config = {
            "middle_channels": self.middle_channels,
            "out_channels": self.out_channels,
            "depth": self.depth,
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_part(cls, part: Part, settings: NetworkSettings) -> "ElasticDeepStem":
        stem: DeepStem = part.largest
        return cls(stem.middle_channels, stem.out_channels, stem.depth, **layer_arguments(part, settings))

    @classmethod
    def add_plain(cls, x: Tensor, prefix: str, option: DeepStem, settings: NetworkSettings) -> Tensor:
        def add(x: Tensor, index: int, filters: int, strides: int = 1) -> Tensor:
            names = (f"{prefix}conv{index}", f"{prefix}bn{index}")
            return add_plain_pair(x, names, settings, filters, kernel_size=3, strides=strides, activation="relu")

        x = add(x, 1, option.middle_channels, strides=2)
        if option.depth:
            inner = add(x, 2, option.middle_channels)
            x = keras.layers.Add(name=f"{prefix}add")([x, inner])
        x = add(x, 3, option.out_channels)
        # After a ReLU, zeros around the image are as good as the minus infinity of a max pooling's own padding.
        x = keras.layers.ZeroPadding2D(1, name=f"{prefix}pool_pad")(x)
        return keras.layers.MaxPooling2D(3, 2, name=f"{prefix}pool")(x)

    def static_weights(self, option: DeepStem) -> dict[str, list[np.ndarray]]:
        middle, out = option.middle_channels, option.out_channels
        weights = {
            "conv1": self.conv1.static_weights(option.in_channels, middle),
            "bn1": self.bn1.static_weights(middle),
        }
        if option.depth:
            weights["conv2"] = self.conv2.static_weights(middle, middle)
            weights["bn2"] = self.bn2.static_weights(middle)
        weights["conv3"] = self.conv3.static_weights(middle, out)
        weights["bn3"] = self.bn3.static_weights(out)
        return weights

    @classmethod
    def published_names(cls, option: DeepStem) -> dict[str, str]:
        names = {"conv1": "input_stem.0.conv", "bn1": "input_stem.0.bn"}
        if option.depth:
            names |= {"conv2": "input_stem.1.conv", "bn2": "input_stem.1.conv.bn"}
        # Without the optional second convolution, the third one is number 1.
        last = 1 + option.depth
        return names | {"conv3": f"input_stem.{last}.conv", "bn3": f"input_stem.{last}.bn"}
