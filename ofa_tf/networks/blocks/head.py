"""`ElasticHead`: the layer of `ofa_tf.space.blocks.head.Head`."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.networks.blocks.part_layer import (
    NetworkSettings,
    PartLayer,
    add_plain_pair,
    layer_arguments,
    register_part_layer,
)
from ofa_tf.networks.layers.activations import get_activation
from ofa_tf.networks.layers.elastic_conv2d import ElasticConv2D
from ofa_tf.networks.layers.elastic_dense import ElasticDense
from ofa_tf.networks.layers.initializers import classifier_initializer, fork
from ofa_tf.networks.layers.plain import Tensor, add_activation, add_convolution
from ofa_tf.networks.layers.pooling import global_average_pool
from ofa_tf.space.blocks.head import Head
from ofa_tf.space.parts import Part


@register_part_layer(Head)
@keras.saving.register_keras_serializable(package="ofa_tf")
class ElasticHead(PartLayer[Head]):
    """1x1 convolution, pooling, 1x1 convolution, dropout and classifier, for any number of input channels.

    Args:
        num_classes: Number of classes.
        feature_width: Channels of the convolution before pooling; 0: none.
        head_width: Channels of the convolution after pooling; 0: none.
        activation: Name of the activation, see `get_activation`.
        dropout_rate: Dropout before the classifier.
        seed: Makes the classifier's initial weights and the dropout reproducible.
        **kwargs: As for all parts: `epsilon`, `momentum`, `kernel_initializer`.

    Call arguments:
        inputs: Float tensor of rank 4 with at most the channels of `build`.
        training: Whether batch normalization uses the batch's statistics, and
            dropout is active.
        momentum: Overrides batch normalization's momentum.
        update_statistics: Whether training updates the running statistics.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        `(batch, num_classes)`, float32.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        feature_width: int = 0,
        head_width: int = 0,
        activation: str = "hard_swish",
        dropout_rate: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.feature_width = feature_width
        self.head_width = head_width
        self.activation = activation
        self.dropout_rate = dropout_rate
        self.seed = seed
        self._activate = get_activation(activation)
        self.dropout = keras.layers.Dropout(dropout_rate, seed=seed, name="dropout", dtype=self.dtype_policy)

    def build(self, input_shape: tuple) -> None:
        channels = input_shape[-1]
        if self.feature_width:
            shape = (None, None, None, channels)
            self.feature_conv, self.feature_bn = self._convolution_and_norm(
                ("feature_conv", "feature_bn"), shape, self.feature_width, activation=self.activation
            )
            channels = self.feature_width
        if self.head_width:
            self.head_conv = ElasticConv2D(
                self.head_width,
                kernel_initializer=self._initializer("head_conv"),
                name="head_conv",
                dtype=self.dtype_policy,
            )
            self.head_conv.build((None, None, None, channels))
            channels = self.head_width
        initializer = fork(classifier_initializer(self.seed), "classifier")
        self.classifier = ElasticDense(self.num_classes, initializer, dtype="float32", name="classifier")
        self.classifier.build((None, channels))

    def call(
        self, inputs: tf.Tensor, training: bool = False, momentum: Any = None, update_statistics: bool = True
    ) -> tf.Tensor:
        x = inputs
        if self.feature_width:
            x = self.feature_conv(x)
            x = self.feature_bn(x, training=training, momentum=momentum, update_statistics=update_statistics)
        x = global_average_pool(x)
        if self.head_width:
            x = self._activate(self.head_conv(x))
        x = tf.squeeze(x, axis=(1, 2))
        x = self.dropout(x, training=training)
        return self.classifier(x)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], self.num_classes)

    def get_config(self) -> dict[str, Any]:
        config = {
            "num_classes": self.num_classes,
            "feature_width": self.feature_width,
            "head_width": self.head_width,
            "activation": self.activation,
            "dropout_rate": self.dropout_rate,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_part(cls, part: Part, settings: NetworkSettings) -> "ElasticHead":
        largest: Head = part.largest
        return cls(
            settings.num_classes,
            feature_width=largest.feature_width,
            head_width=largest.head_width,
            activation=largest.activation,
            dropout_rate=settings.dropout_rate,
            seed=settings.seed,
            **layer_arguments(part, settings),
        )

    @classmethod
    def add_plain(cls, x: Tensor, prefix: str, option: Head, settings: NetworkSettings) -> Tensor:
        if option.feature_width:
            names = (f"{prefix}feature_conv", f"{prefix}feature_bn")
            x = add_plain_pair(x, names, settings, option.feature_width, activation=option.activation)
        x = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{prefix}pool")(x)
        if option.head_width:
            x = add_convolution(x, f"{prefix}head_conv", option.head_width)
            x = add_activation(x, f"{prefix}head_{option.activation}", option.activation)
        x = keras.layers.Flatten(name=f"{prefix}flatten")(x)
        if settings.dropout_rate:
            x = keras.layers.Dropout(settings.dropout_rate, name=f"{prefix}dropout")(x)
        classifier = keras.layers.Dense(
            settings.num_classes,
            kernel_initializer=classifier_initializer(),
            name=f"{prefix}classifier",
            dtype="float32",
        )
        return classifier(x)

    def static_weights(self, option: Head) -> dict[str, list[np.ndarray]]:
        weights = {}
        if self.feature_width:
            weights["feature_conv"] = self.feature_conv.static_weights(option.in_channels)
            weights["feature_bn"] = self.feature_bn.static_weights(self.feature_width)
        if self.head_width:
            weights["head_conv"] = self.head_conv.static_weights(option.pooled_width)
        weights["classifier"] = self.classifier.static_weights(option.last_width)
        return weights

    @classmethod
    def plain_prefix(cls, name: str) -> str:
        """Nothing: a network has one head, whose layers have names of their own."""
        del name
        return ""

    @classmethod
    def published_names(cls, option: Head) -> dict[str, str]:
        # The last convolution before the classifier is called the same, whether there is one or two.
        feature = "final_expand_layer" if option.head_width else "feature_mix_layer"
        return {
            "feature_conv": f"{feature}.conv",
            "feature_bn": f"{feature}.bn",
            "head_conv": "feature_mix_layer.conv",
            "classifier": "classifier.linear",
        }
