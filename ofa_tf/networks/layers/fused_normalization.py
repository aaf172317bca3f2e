"""Batch normalization and the activation behind it as one operation, for GPUs.

On a GPU, both are bound by how often they go over the images' memory. TensorFlow's operators do so some twenty times
for a step, and cuDNN's batch normalization is several times slower still where there are few channels. Fused by XLA
they go over it eight times. XLA compiles anew for each shape, in a fraction of a second.

Not for CPUs, for which XLA's code takes two to ten times as long as TensorFlow's operators.
"""

import functools
from collections.abc import Callable

import tensorflow as tf

from ofa_tf.networks.layers.activations import get_activation


def normalize_and_activate(
    inputs: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    *,
    epsilon: float,
    activation: str,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Batch normalization with the statistics of the batch, and an activation.

    Args:
        inputs: `(batch, height, width, channels)`, of any float dtype.
        gamma: Scale, float32 `(channels,)`.
        beta: Offset, float32 `(channels,)`.
        epsilon: Added to the variance.
        activation: Name of the activation, see `get_activation`.

    Returns:
        The outputs, in the dtype and shape of the inputs; mean and (biased) variance of the
        inputs, float32 `(channels,)`, which have no gradient.

    Reference: "Batch Normalization", Ioffe and Szegedy, ICML 2015, section 3.
    """
    functions = _compiled_functions(inputs.dtype, epsilon, activation)

    @tf.custom_gradient
    def run(inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tuple[tuple, Callable]:
        outputs, mean, variance = functions.forward(inputs, gamma, beta)

        def gradient(upstream: tf.Tensor, *of_statistics: tf.Tensor) -> tuple:
            del of_statistics
            # A function called in the gradient of a branch does not find the branch's tensors; an operator does.
            kept = [tf.identity(tensor) for tensor in (inputs, gamma, beta, mean, variance)]
            return functions.backward(upstream, *kept)

        return (outputs, mean, variance), gradient

    # Within a branch of `tf.switch_case` the gradient may only refer to the branch's own tensors.
    return run(tf.identity(inputs), tf.identity(gamma), tf.identity(beta))


class _CompiledFunctions:
    """Forward and backward pass, each traced once and compiled for each shape.

    The statistics are kept in float32 whatever the dtype of the inputs.

    Args:
        dtype: Of inputs and outputs.
        epsilon: Added to the variance.
        activation: Name of the activation.
    """

    def __init__(self, dtype: tf.DType, epsilon: float, activation: str) -> None:
        self._dtype = dtype
        self._epsilon = epsilon
        self._activate = get_activation(activation)
        images = tf.TensorSpec((None, None, None, None), dtype)
        channels = tf.TensorSpec((None,), tf.float32)
        compiled = functools.partial(tf.function, jit_compile=True, autograph=False)
        self.forward = compiled(self._forward, input_signature=[images, channels, channels])
        self.backward = compiled(self._backward, input_signature=[images, images, *[channels] * 4])

    def _forward(
        self,
        inputs: tf.Tensor,
        gamma: tf.Tensor,
        beta: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        inputs = tf.cast(inputs, tf.float32)
        mean = tf.reduce_mean(inputs, axis=(0, 1, 2))
        # One pass for both sums; what rounding may leave below 0 is cut off.
        mean_of_squares = tf.reduce_mean(tf.square(inputs), axis=(0, 1, 2))
        variance = tf.maximum(mean_of_squares - tf.square(mean), 0.0)
        normalized = (inputs - mean) * tf.math.rsqrt(variance + self._epsilon)
        outputs = self._activate(normalized * gamma + beta)
        return tf.cast(outputs, self._dtype), mean, variance

    def _backward(
        self,
        upstream: tf.Tensor,
        inputs: tf.Tensor,
        gamma: tf.Tensor,
        beta: tf.Tensor,
        mean: tf.Tensor,
        variance: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The gradients of inputs, gamma and beta."""
        inverse_deviation = tf.math.rsqrt(variance + self._epsilon)
        normalized = (tf.cast(inputs, tf.float32) - mean) * inverse_deviation
        scaled = normalized * gamma + beta
        with tf.GradientTape() as tape:
            tape.watch(scaled)
            outputs = self._activate(scaled)
        scaled_gradient = tape.gradient(outputs, scaled, output_gradients=tf.cast(upstream, tf.float32))

        beta_gradient = tf.reduce_sum(scaled_gradient, axis=(0, 1, 2))
        gamma_gradient = tf.reduce_sum(scaled_gradient * normalized, axis=(0, 1, 2))

        # The statistics depend on all inputs, which takes these means off the gradient.
        num_values = tf.cast(tf.size(inputs) // tf.size(mean), tf.float32)
        from_statistics = (beta_gradient + normalized * gamma_gradient) / num_values
        inputs_gradient = gamma * inverse_deviation * (scaled_gradient - from_statistics)
        return tf.cast(inputs_gradient, self._dtype), gamma_gradient, beta_gradient


@functools.cache
def _compiled_functions(dtype: tf.DType, epsilon: float, activation: str) -> _CompiledFunctions:
    """The same functions for all layers, so that a shape is compiled once for all of them."""
    with tf.init_scope():
        return _CompiledFunctions(dtype, epsilon, activation)
