"""Subnets as plain functional Keras models, without one elastic layer."""

from collections.abc import Mapping
from typing import Any

import keras

from ofa_tf.base.errors import InputError
from ofa_tf.networks.layers.initializers import classifier_initializer, convolution_initializer
from ofa_tf.space.arch import Arch
from ofa_tf.space.part_types import Bottleneck, DeepStem, Head, MBConv, PlainPart, Stem
from ofa_tf.space.search_space import SearchSpace

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
    return build_from_parts(space, space.plain_parts(arch), arch.image_size, num_classes, dropout_rate)


def build_from_parts(
    space: SearchSpace,
    parts: Mapping[str, PlainPart],
    image_size: int,
    num_classes: int,
    dropout_rate: float = 0.0,
) -> keras.Model:
    """Build a network from its parts, for any image size; `build_subnet` otherwise.

    Raises:
        InputError: If `num_classes` is below 1.
    """
    if num_classes < 1:
        raise InputError(f"Expected `num_classes` to be at least 1. Received: num_classes={num_classes}.")
    images = keras.Input((image_size, image_size, 3), name="images")
    x = images
    for name, part in parts.items():
        x = add_part(x, name, part, space, num_classes, dropout_rate)
    return keras.Model(images, x, name="subnet")


def add_part(
    x: Tensor, name: str, part: PlainPart, space: SearchSpace, num_classes: int, dropout_rate: float = 0.0
) -> Tensor:
    """Add one part of a network: a stem, a block or the head.

    Args:
        x: Output of the part before.
        name: The part's name; its layers' names begin with it.
        part: What to add.
        space: Search space, which knows the constants of batch normalization.
        num_classes: Number of classes of the head.
        dropout_rate: Dropout of the head.
    """
    if isinstance(part, Stem):
        x = _convolution(x, part.out_channels, 3, part.stride, f"{name}_conv")
        return _normalize(x, space, f"{name}_bn", part.activation)
    if isinstance(part, DeepStem):
        return _deep_stem(x, name, part, space)
    if isinstance(part, MBConv):
        return _mbconv(x, name, part, space)
    if isinstance(part, Bottleneck):
        return _bottleneck(x, name, part, space)
    return _head(x, part, space, num_classes, dropout_rate)


def _deep_stem(x: Tensor, name: str, part: DeepStem, space: SearchSpace) -> Tensor:
    x = _convolution(x, part.middle_channels, 3, 2, f"{name}_conv1")
    x = _normalize(x, space, f"{name}_bn1", "relu")
    if part.depth:
        inner = _convolution(x, part.middle_channels, 3, 1, f"{name}_conv2")
        inner = _normalize(inner, space, f"{name}_bn2", "relu")
        x = keras.layers.Add(name=f"{name}_add")([x, inner])
    x = _convolution(x, part.out_channels, 3, 1, f"{name}_conv3")
    x = _normalize(x, space, f"{name}_bn3", "relu")
    # After a ReLU, zeros around the image are as good as the minus infinity of a max pooling's own padding.
    x = keras.layers.ZeroPadding2D(1, name=f"{name}_pool_pad")(x)
    return keras.layers.MaxPooling2D(3, 2, name=f"{name}_pool")(x)


def _mbconv(x: Tensor, name: str, block: MBConv, space: SearchSpace) -> Tensor:
    """Reference: MobileNetV3, Howard et al., ICCV 2019, figure 4; squeeze-and-excite after the depthwise activation."""
    inputs = x
    if block.has_expand:
        x = _convolution(x, block.middle_channels, 1, 1, f"{name}_expand_conv")
        x = _normalize(x, space, f"{name}_expand_bn", block.activation)
    x = _depthwise(x, block.kernel_size, block.stride, f"{name}_depthwise_conv")
    x = _normalize(x, space, f"{name}_depthwise_bn", block.activation)
    if block.squeeze_channels:
        x = _squeeze_excite(x, name, block)
    x = _convolution(x, block.out_channels, 1, 1, f"{name}_project_conv")
    x = _normalize(x, space, f"{name}_project_bn", "linear")
    return keras.layers.Add(name=f"{name}_add")([inputs, x]) if block.has_residual else x


def _bottleneck(x: Tensor, name: str, block: Bottleneck, space: SearchSpace) -> Tensor:
    """Reference: "Bag of Tricks for Image Classification with CNNs", He et al., CVPR 2019, figure 2."""
    shortcut = x
    x = _convolution(x, block.middle_channels, 1, 1, f"{name}_conv1")
    x = _normalize(x, space, f"{name}_bn1", "relu")
    x = _convolution(x, block.middle_channels, 3, block.stride, f"{name}_conv2")
    x = _normalize(x, space, f"{name}_bn2", "relu")
    x = _convolution(x, block.out_channels, 1, 1, f"{name}_conv3")
    x = _normalize(x, space, f"{name}_bn3", "linear")
    if block.has_downsample:
        if block.stride > 1:  # "same": a last row or column is averaged over what there is of it
            pool = keras.layers.AveragePooling2D(block.stride, padding="same", name=f"{name}_downsample_pool")
            shortcut = pool(shortcut)
        shortcut = _convolution(shortcut, block.out_channels, 1, 1, f"{name}_downsample_conv")
        shortcut = _normalize(shortcut, space, f"{name}_downsample_bn", "linear")
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return _activate(x, "relu", f"{name}_relu")


def _head(x: Tensor, head: Head, space: SearchSpace, num_classes: int, dropout_rate: float) -> Tensor:
    if head.feature_width:
        x = _convolution(x, head.feature_width, 1, 1, "feature_conv")
        x = _normalize(x, space, "feature_bn", head.activation)
    x = keras.layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
    if head.head_width:
        x = _convolution(x, head.head_width, 1, 1, "head_conv")
        x = _activate(x, head.activation, f"head_{head.activation}")
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


def _squeeze_excite(x: Tensor, block_name: str, block: MBConv) -> Tensor:
    name = f"{block_name}_se"
    scale = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    scale = _convolution(scale, block.squeeze_channels, 1, 1, f"{name}_reduce", use_bias=True)
    scale = _activate(scale, "relu", f"{name}_relu")
    scale = _convolution(scale, block.middle_channels, 1, 1, f"{name}_expand", use_bias=True)
    scale = _activate(scale, "hard_sigmoid", f"{name}_hard_sigmoid")
    return keras.layers.Multiply(name=f"{name}_multiply")([x, scale])
