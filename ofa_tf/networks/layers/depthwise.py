"""A depthwise convolution whose backward pass uses the fastest CPU kernels."""

from collections.abc import Callable

import tensorflow as tf

from ofa_tf.networks.layers.slicing import pad_symmetrically


def depthwise_conv2d(inputs: tf.Tensor, kernel: tf.Tensor, strides: int) -> tf.Tensor:
    """Depthwise convolution with symmetric padding.

    Equal to `tf.nn.depthwise_conv2d` on symmetrically padded inputs, to the
    gradients. Forward pass and input gradient are left to oneDNN where it is
    on; the filter gradient is not, because oneDNN's takes two to three times as
    long as TensorFlow's own, which the explicit padding selects.

    Args:
        inputs: `(batch, height, width, channels)`.
        kernel: `(size, size, channels, 1)`, size odd and static.
        strides: Stride along height and width.

    Returns:
        `(batch, ceil(height / strides), ceil(width / strides), channels)`.
    """
    size = kernel.shape[0]
    steps = [1, strides, strides, 1]

    @tf.custom_gradient
    def convolve(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        padded, padding = pad_symmetrically(inputs, size, strides)
        outputs = tf.raw_ops.DepthwiseConv2dNative(input=padded, filter=kernel, strides=steps, padding=padding)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            margin = size // 2
            edges = [0, 0, margin, margin, margin, margin, 0, 0]
            kernel_gradient = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
                input=inputs,
                filter_sizes=tf.shape(kernel),
                out_backprop=upstream,
                strides=steps,
                padding="EXPLICIT",
                explicit_paddings=edges,
            )
            input_gradient = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=tf.shape(padded), filter=kernel, out_backprop=upstream, strides=steps, padding=padding
            )
            if padding == "VALID":
                height, width = tf.shape(inputs)[1], tf.shape(inputs)[2]
                input_gradient = input_gradient[:, margin : margin + height, margin : margin + width]
            return input_gradient, kernel_gradient

        return outputs, gradient

    # Within a branch of `tf.switch_case` the gradient may only refer to the branch's own tensors.
    return convolve(tf.identity(inputs), tf.identity(kernel))
