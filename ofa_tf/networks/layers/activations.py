"""The activations of the search spaces, by name."""

from collections.abc import Callable
from typing import Any

import keras

from ofa_tf.space.blocks.activation_names import check_activation

# By each of `ACTIVATION_NAMES`.
_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": keras.ops.relu,
    "relu6": keras.ops.relu6,
    "hard_swish": keras.ops.hard_swish,
    "hard_sigmoid": keras.ops.hard_sigmoid,
    "linear": lambda x: x,
}


def get_activation(name: str) -> Callable[[Any], Any]:
    """Look up an activation function on tensors.

    `hard_sigmoid` is `relu6(x + 3) / 6` and `hard_swish` is `x * hard_sigmoid(x)`.

    Raises:
        InputError: If there is none of that name.

    Reference: MobileNetV3, Howard et al., ICCV 2019, section 5.2.
    """
    check_activation(name)
    return _ACTIVATIONS[name]
