"""Subnets as plain functional Keras models, without one elastic layer."""

from typing import Any

import keras

from ofa_tf.arch import Arch
from ofa_tf.blocks import StaticBlock
from ofa_tf.errors import InputError
from ofa_tf.layers.initializers import classifier_initializer, convolution_initializer
from ofa_tf.search_space import SearchSpace

Tensor = Any


def build_subnet(space: SearchSpace, arch: Arch, num_classes: int, dropout_rate: float = 0.0) -> keras.Model:
    """Build one subnet as a plain Keras model with freshly drawn weights.

    The layers have the names of the supernet's, joined by underscores
    (`stage1_block1_expand_conv`), so that weights can be handed over by name.

    Args:
        space: Search space of `arch`.
        arch: The subnet; its `image_size` fixes the input size.
        num_classes: Number of classes.
        dropout_rate: Dropout before the classifier.

    Returns:
        Model from normalised images `(batch, image_size, image_size, 3)` to
        float32 logits `(batch, num_classes)`.

    Raises:
        InputError: If `arch` is not of `space` or `num_classes` is below 1.
    """
    if num_classes < 1:
        raise InputError(f"Expected `num_classes` to be at least 1. Received: num_classes={num_classes}.")
    blocks = space.static_blocks(arch)
    images = keras.Input((arch.image_size, arch.image_size, 3), name="images")
    x = add_stem(images, space)
    for block in blocks:
        x = add_block(x, block, space)
    logits = add_head(x, space, num_classes, dropout_rate)
    return keras.Model(images, logits, name="subnet")


def add_stem(x: Tensor, space: SearchSpace) -> Tensor:
    """Add the stem: a 3x3 convolution, batch normalization and hard-swish."""
    x = _convolution(x, space.stem_width, 3, space.stem_stride, "stem_conv")
    return _normalize(x, space, "stem_bn", "hard_swish")


def add_block(x: Tensor, block: StaticBlock, space: SearchSpace) -> Tensor:
    """Add one inverted-bottleneck block.

    Reference: MobileNetV3, Howard et al., ICCV 2019, figure 4; squeeze-and-excite
    stands after the depthwise activation.
    """
    inputs, name = x, block.name
    if block.has_expand:
        x = _convolution(x, block.middle_channels, 1, 1, f"{name}_expand_conv")
        x = _normalize(x, space, f"{name}_expand_bn", block.activation)
    x = _depthwise(x, block.kernel_size, block.stride, f"{name}_depthwise_conv")
    x = _normalize(x, space, f"{name}_depthwise_bn", block.activation)
    if block.squeeze_channels:
        x = _squeeze_excite(x, block)
    x = _convolution(x, block.out_channels, 1, 1, f"{name}_project_conv")
    x = _normalize(x, space, f"{name}_project_bn", "linear")
    return keras.layers.Add(name=f"{name}_add")([inputs, x]) if block.has_residual else x


def add_head(x: Tensor, space: SearchSpace, num_classes: int, dropout_rate: float = 0.0) -> Tensor:
    """Add everything after the last block, up to the logits."""
    x = _convolution(x, space.feature_width, 1, 1, "feature_conv")
    x = _normalize(x, space, "feature_bn", "hard_swish")
    x = keras.layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
    x = _convolution(x, space.head_width, 1, 1, "head_conv")
    x = _activate(x, "hard_swish", "head_hard_swish")
    x = keras.layers.Flatten(name="flatten")(x)
    if dropout_rate:
        x = keras.layers.Dropout(dropout_rate, name="dropout")(x)
    layer = keras.layers.Dense(
        num_classes, kernel_initializer=classifier_initializer(), name="classifier", dtype="float32"
    )
    return layer(x)


def _convolution(x: Tensor, filters: int, size: int, stride: int, name: str, use_bias: bool = False) -> Tensor:
    x, padding = _pad(x, size, stride, name)
    layer = keras.layers.Conv2D(
        filters,
        size,
        stride,
        padding=padding,
        use_bias=use_bias,
        kernel_initializer=convolution_initializer(),
        name=name,
    )
    return layer(x)


def _depthwise(x: Tensor, size: int, stride: int, name: str) -> Tensor:
    x, padding = _pad(x, size, stride, name)
    layer = keras.layers.DepthwiseConv2D(
        size,
        stride,
        padding=padding,
        use_bias=False,
        depthwise_initializer=convolution_initializer(),
        name=name,
    )
    return layer(x)


def _pad(x: Tensor, size: int, stride: int, name: str) -> tuple[Tensor, str]:
    # "same" pads unevenly when the stride is 2; the published networks pad evenly.
    if stride == 1:
        return x, "same"
    return keras.layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x), "valid"


def _normalize(x: Tensor, space: SearchSpace, name: str, activation: str) -> Tensor:
    layer = keras.layers.BatchNormalization(
        epsilon=space.batch_norm_epsilon, momentum=space.batch_norm_momentum, name=name
    )
    return _activate(layer(x), activation, name.replace("_bn", f"_{activation}"))


def _activate(x: Tensor, activation: str, name: str) -> Tensor:
    return x if activation == "linear" else keras.layers.Activation(activation, name=name)(x)


def _squeeze_excite(x: Tensor, block: StaticBlock) -> Tensor:
    name = f"{block.name}_se"
    scale = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    scale = _convolution(scale, block.squeeze_channels, 1, 1, f"{name}_reduce", use_bias=True)
    scale = _activate(scale, "relu", f"{name}_relu")
    scale = _convolution(scale, block.middle_channels, 1, 1, f"{name}_expand", use_bias=True)
    scale = _activate(scale, "hard_sigmoid", f"{name}_hard_sigmoid")
    return keras.layers.Multiply(name=f"{name}_multiply")([x, scale])
