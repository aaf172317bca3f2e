"""Taking the first channels of a tensor, where the number may be a tensor."""

from typing import Any

import keras
import tensorflow as tf


def num_channels(x: tf.Tensor) -> Any:
    """Size of the last axis: an int where it is static, else a scalar tensor."""
    return tf.shape(x)[-1] if x.shape[-1] is None else x.shape[-1]


def first_channels(weights: Any, num: Any, axis: int = -1) -> tf.Tensor:
    """The first `num` entries of a weight along its last (-1) or last but one (-2) axis.

    Args:
        weights: Keras variable or tensor.
        num: int or scalar int32 tensor; `None` for all.
        axis: -1 or -2.

    Returns:
        A tensor in the dtype that the current autocast scope asks for.
    """
    tensor = tf.convert_to_tensor(weights)
    if num is None or (isinstance(num, int) and num == tensor.shape[axis]):
        return tensor
    return tensor[..., :num] if axis == -1 else tensor[..., :num, :]


def first_in_and_out_channels(weights: Any, num_in: Any, num_out: Any) -> tf.Tensor:
    """The first entries of a weight along its last two axes, by one operation.

    Its gradient is padded to the weight's shape, which costs much more than the slice: once for both axes, here.

    Args:
        weights: Keras variable or tensor.
        num_in: Entries of the last but one axis, int or scalar int32 tensor; `None` for all.
        num_out: Entries of the last axis, the same.

    Returns:
        A tensor in the dtype that the current autocast scope asks for.
    """
    tensor = tf.convert_to_tensor(weights)
    takes_all_in = num_in is None or (isinstance(num_in, int) and num_in == tensor.shape[-2])
    if takes_all_in:
        return first_channels(tensor, num_out)
    takes_all_out = num_out is None or (isinstance(num_out, int) and num_out == tensor.shape[-1])
    if takes_all_out:
        return first_channels(tensor, num_in, axis=-2)
    return tensor[..., :num_in, :num_out]


def check_at_most(name: str, num: Any, maximum: int) -> None:
    """Check a channel count that is known when the layer is called.

    Raises:
        ValueError: If `num` is an int outside of 1..maximum.
    """
    if isinstance(num, int) and not 1 <= num <= maximum:
        raise ValueError(f"Expected `{name}` to be between 1 and {maximum}. Received: {name}={num}.")


def pad_symmetrically(x: tf.Tensor, kernel_size: int, strides: int) -> tuple[tf.Tensor, str]:
    """Pad by `kernel_size // 2` on each side, before or within a convolution.

    Returns:
        The tensor and the padding mode under which a convolution of it is
        symmetrically padded. oneDNN's kernels, which are several times faster
        in the backward pass, do not serve explicit paddings.
    """
    if strides == 1 or kernel_size == 1:
        return x, "SAME"  # even on both sides where nothing is skipped
    pad = kernel_size // 2
    return tf.pad(x, [[0, 0], [pad, pad], [pad, pad], [0, 0]]), "VALID"


def strided_size(size: int | None, strides: int) -> int | None:
    """Height or width behind a symmetrically padded convolution; `None` where it is not known."""
    if size is None:
        return None
    return (size - 1) // strides + 1


def as_numpy(variable: keras.Variable) -> Any:
    """The full-precision value of a Keras variable."""
    return keras.ops.convert_to_numpy(variable.value)
