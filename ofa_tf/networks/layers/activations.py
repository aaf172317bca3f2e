"""The activations of the search spaces, by name."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from ofa_tf.space.blocks.activation_names import check_activation


def get_activation(name: str) -> Callable[[Any], Any]:
    """Look up an activation function on tensors.

    `hard_sigmoid` is `relu6(x + 3) / 6` and `hard_swish` is `x * hard_sigmoid(x)`.

    Raises:
        InputError: If there is none of that name.

    Reference: MobileNetV3, Howard et al., ICCV 2019, section 5.2.
    """
    check_activation(name)
    return _ACTIVATIONS[name]


@tf.custom_gradient
def _hard_swish(x: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """`x * relu6(x + 3) / 6`, with a gradient that goes over the tensor less often than that of its operators."""
    sixfold_gate = tf.nn.relu6(x + 3)
    sixth = tf.constant(1 / 6, x.dtype)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        x_where_gate_varies = tf.raw_ops.Relu6Grad(gradients=x, features=sixfold_gate)
        sixfold_derivative = sixfold_gate + x_where_gate_varies
        return upstream * sixfold_derivative * sixth

    return x * sixfold_gate * sixth, gradient


# By each of `ACTIVATION_NAMES`.
_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "hard_swish": _hard_swish,
    "hard_sigmoid": keras.ops.hard_sigmoid,
    "linear": lambda x: x,
}
