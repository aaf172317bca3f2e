"""`Supernet`: one network that holds the weights of every subnet of a space."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.arch import Arch
from ofa_tf.blocks import ElasticBlock
from ofa_tf.errors import InputError
from ofa_tf.layers.activations import get_activation
from ofa_tf.layers.elastic_batch_normalization import ElasticBatchNormalization
from ofa_tf.layers.elastic_conv2d import ElasticConv2D
from ofa_tf.layers.elastic_mbconv import ElasticMBConv
from ofa_tf.layers.initializers import classifier_initializer, convolution_initializer, fork
from ofa_tf.search_space import SearchSpace


def build_supernet(
    space: SearchSpace, num_classes: int, dropout_rate: float = 0.0, seed: int | None = None
) -> "Supernet":
    """Build a supernet with all its weights.

    Args:
        space: Search space.
        num_classes: Number of classes.
        dropout_rate: Dropout before the classifier.
        seed: Makes the initial weights reproducible.

    Raises:
        InputError: If `num_classes` is below 1 or `dropout_rate` is not in [0, 1).
    """
    supernet = Supernet(space, num_classes, dropout_rate, seed)
    supernet.build((None, None, None, 3))
    return supernet


@keras.saving.register_keras_serializable(package="ofa_tf")
class Supernet(keras.Model):
    """A once-for-all network; which subnet runs is an argument of the call.

    Args:
        space: Search space, or its `to_dict` data.
        num_classes: Number of classes.
        dropout_rate: Dropout before the classifier.
        seed: Makes the initial weights reproducible.
        dtype: Dtype policy of all layers, such as `"mixed_bfloat16"`; the logits
            are float32 under any.

    Call arguments:
        images: Normalised float images of any size.
        arch: An `Arch`, or the genes of one (int32, shape `(num_genes,)`, see
            `SearchSpace.encode`). Genes may be a tensor: one traced graph then
            serves all subnets and computes only what the chosen one needs. The
            image size entry is not looked at.
        training: Whether batch normalization uses the batch's statistics and
            updates the running ones, and dropout is active.
        momentum: Overrides the momentum of the running statistics, see
            `ElasticBatchNormalization`.

    Input shape:
        `(batch, height, width, 3)`

    Output shape:
        `(batch, num_classes)`, float32 logits.

    Raises:
        InputError: If an `Arch` is not of the space.

    Reference: Once-for-All, sections 3.2 and 3.3.
    """

    def __init__(
        self,
        space: SearchSpace | dict,
        num_classes: int,
        dropout_rate: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_classes < 1:
            raise InputError(f"Expected `num_classes` to be at least 1. Received: num_classes={num_classes}.")
        if not 0 <= dropout_rate < 1:
            raise InputError(f"Expected `dropout_rate` to be in [0, 1). Received: dropout_rate={dropout_rate}.")
        self.space = SearchSpace.from_dict(space) if isinstance(space, dict) else space
        self.num_classes = num_classes
        self.dropout_rate = dropout_rate
        self.seed = seed
        self._hard_swish = get_activation("hard_swish")

        space, initializer = self.space, convolution_initializer(seed)
        self._normalization: dict[str, Any] = {
            "epsilon": space.batch_norm_epsilon,
            "momentum": space.batch_norm_momentum,
            "dtype": self.dtype_policy,
        }

        def convolution(filters: int, size: int, strides: int, name: str) -> ElasticConv2D:
            kernel_initializer = fork(initializer, name)
            return ElasticConv2D(
                filters, size, strides, kernel_initializer=kernel_initializer, name=name, dtype=self.dtype_policy
            )

        self.stem_conv = convolution(space.stem_width, 3, space.stem_stride, "stem_conv")
        self.stem_bn = ElasticBatchNormalization(name="stem_bn", **self._normalization)
        first = space.first_block
        self.first_block = ElasticMBConv(
            first.out_channels,
            None,
            kernel_sizes=(first.kernel_size,),
            strides=first.stride,
            activation=first.activation,
            has_residual=first.has_residual,
            kernel_initializer=fork(initializer, first.name),
            name=first.name,
            **self._normalization,
        )
        self.blocks = [self._elastic_block(block, fork(initializer, block.name)) for block in space.blocks]
        self.feature_conv = convolution(space.feature_width, 1, 1, "feature_conv")
        self.feature_bn = ElasticBatchNormalization(name="feature_bn", **self._normalization)
        self.head_conv = convolution(space.head_width, 1, 1, "head_conv")
        self.dropout = keras.layers.Dropout(dropout_rate, seed=seed, name="dropout", dtype=self.dtype_policy)
        self.classifier = keras.layers.Dense(
            num_classes,
            kernel_initializer=fork(classifier_initializer(seed), "classifier"),
            dtype="float32",
            name="classifier",
        )

    def _elastic_block(self, block: ElasticBlock, initializer: keras.initializers.Initializer) -> ElasticMBConv:
        return ElasticMBConv(
            block.out_channels,
            block.middle_channels[-1],
            kernel_sizes=block.kernel_sizes,
            strides=block.stride,
            activation=block.activation,
            squeeze_channels=block.squeeze_channels[-1] if block.squeeze_channels else 0,
            has_residual=block.has_residual,
            kernel_initializer=initializer,
            name=block.name,
            **self._normalization,
        )

    def build(self, input_shape: tuple = (None, None, None, 3)) -> None:
        shape = tuple(input_shape)
        chain: list[keras.layers.Layer] = [self.stem_conv, self.stem_bn, self.first_block, *self.blocks]
        chain += [self.feature_conv, self.feature_bn, self.head_conv]
        for layer in chain:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.classifier.build((None, self.space.head_width))
        self.built = True

    def __call__(self, images: Any, arch: Any, training: bool = False, momentum: Any = None) -> tf.Tensor:
        if isinstance(arch, Arch):
            self.space.validate(arch)  # Keras would wrap the message up in another
        # Keras takes only tensors as positional arguments.
        return super().__call__(images, arch=arch, training=training, momentum=momentum)

    def call(self, images: tf.Tensor, arch: Any, training: bool = False, momentum: Any = None) -> tf.Tensor:
        choices = self._choices(arch)
        normalization = {"training": training, "momentum": momentum}
        x = self._hard_swish(self.stem_bn(self.stem_conv(images), **normalization))
        x = self.first_block(x, **normalization)
        for block, layer, choice in zip(self.space.blocks, self.blocks, choices, strict=True):
            x = self._run_block(x, block, layer, choice, normalization)
        x = self._hard_swish(self.feature_bn(self.feature_conv(x), **normalization))
        x = tf.reduce_mean(x, axis=(1, 2), keepdims=True)
        x = self._hard_swish(self.head_conv(x))
        x = tf.reshape(x, (-1, self.space.head_width))
        return self.classifier(self.dropout(x, training=training))

    def compute_output_shape(self, input_shape: tuple, **kwargs: Any) -> tuple:
        return (input_shape[0], self.num_classes)

    def static_weights(self, arch: Arch) -> dict[str, list[np.ndarray]]:
        """Weights of one subnet's plain layers, sliced and transformed, by layer name.

        Raises:
            InputError: If `arch` is not of the space.
        """
        weights = {
            "stem_conv": self.stem_conv.static_weights(3),
            "stem_bn": self.stem_bn.static_weights(self.space.stem_width),
            "feature_conv": self.feature_conv.static_weights(self.space.stages[-1].width),
            "feature_bn": self.feature_bn.static_weights(self.space.feature_width),
            "head_conv": self.head_conv.static_weights(self.space.feature_width),
            "classifier": self.classifier.get_weights(),
        }
        layers = {layer.name: layer for layer in (self.first_block, *self.blocks)}
        for block in self.space.static_blocks(arch):
            inner = layers[block.name].static_weights(
                block.in_channels, block.kernel_size, block.middle_channels, block.squeeze_channels
            )
            weights |= {f"{block.name}_{name}": values for name, values in inner.items()}
        return weights

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "space": self.space.to_dict(),
            "num_classes": self.num_classes,
            "dropout_rate": self.dropout_rate,
            "seed": self.seed,
        }

    def _choices(self, arch: Any) -> list[dict[str, Any]]:
        """Depth, kernel size and widths of each block: ints for an `Arch`, else tensors."""
        is_arch = isinstance(arch, Arch)
        genes = self.space.encode(arch) if is_arch else tf.convert_to_tensor(arch)

        def pick(values: tuple, gene: Any) -> Any:
            return values[gene] if is_arch else tf.gather(tf.constant(values, tf.int32), gene)

        depths = genes[self.space.depth_genes]
        kernels, expands = genes[self.space.kernel_genes], genes[self.space.expand_genes]
        choices = []
        for index, block in enumerate(self.space.blocks):
            choice = {
                "depth": pick(self.space.stages[block.stage].depths, depths[block.stage]),
                "kernel_size": pick(block.kernel_sizes, kernels[index]),
                "middle_channels": pick(block.middle_channels, expands[index]),
            }
            if block.squeeze_channels:
                choice["squeeze_channels"] = pick(block.squeeze_channels, expands[index])
            choices.append(choice)
        return choices

    def _run_block(
        self, x: tf.Tensor, block: ElasticBlock, layer: ElasticMBConv, choice: dict, normalization: dict
    ) -> tf.Tensor:
        depth = choice.pop("depth")
        if block.position < self.space.stages[block.stage].depths[0]:
            return layer(x, **choice, **normalization)  # never skipped
        if isinstance(depth, int):
            return layer(x, **choice, **normalization) if block.position < depth else x
        return tf.cond(block.position < depth, lambda: layer(x, **choice, **normalization), lambda: x)
