"""Plain Keras layers with the settings that all networks here share, for functional models.

Each function adds a layer to `x` and returns its output. Padding is symmetric, as in the
published networks; Keras's `"same"` pads unevenly where the stride is 2.
"""

from typing import Any

import keras

from ofa_tf.networks.layers.initializers import convolution_initializer

Tensor = Any  # a symbolic tensor of Keras


def add_convolution(
    x: Tensor, name: str, filters: int, *, kernel_size: int = 1, strides: int = 1, use_bias: bool = False
) -> Tensor:
    """A convolution, padded by half its kernel."""
    x, padding = _pad(x, kernel_size, strides, name)
    layer = keras.layers.Conv2D(
        filters,
        kernel_size,
        strides,
        padding=padding,
        use_bias=use_bias,
        kernel_initializer=convolution_initializer(),
        name=name,
    )
    return layer(x)


def add_depthwise_convolution(x: Tensor, name: str, kernel_size: int, strides: int = 1) -> Tensor:
    """A depthwise convolution without a bias, padded by half its kernel.

    Its initial weights are as large as trained ones, not as those that training begins with: plain
    networks are measured with them, and int8 models of almost no activation run otherwise.
    """
    x, padding = _pad(x, kernel_size, strides, name)
    layer = keras.layers.DepthwiseConv2D(
        kernel_size,
        strides,
        padding=padding,
        use_bias=False,
        depthwise_initializer=convolution_initializer(),
        name=name,
    )
    return layer(x)


def add_normalization(x: Tensor, name: str, epsilon: float, momentum: float, activation: str = "linear") -> Tensor:
    """Batch normalization and an activation.

    Args:
        x: Input.
        name: Name of the normalization, ending in `bn`; the activation's has the
            activation in its place.
        epsilon: Added to the variance.
        momentum: Share of the old running statistics kept in a step.
        activation: Name of the activation; `"linear"` adds none.
    """
    x = keras.layers.BatchNormalization(epsilon=epsilon, momentum=momentum, name=name)(x)
    return add_activation(x, name.replace("_bn", f"_{activation}"), activation)


def add_activation(x: Tensor, name: str, activation: str) -> Tensor:
    """An activation; none for `"linear"`."""
    if activation == "linear":
        return x
    return keras.layers.Activation(activation, name=name)(x)


def _pad(x: Tensor, kernel_size: int, strides: int, name: str) -> tuple[Tensor, str]:
    if strides == 1:
        return x, "same"
    return keras.layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad")(x), "valid"
