"""A depthwise convolution each of whose passes uses the kernel that is fastest on the device.

TensorFlow has several kernels for each pass of a depthwise convolution, none of them the fastest everywhere; the
layout and the padding pick one. What was measured stands in docs/decisions/005 (CPU) and 037 (GPU).
"""

import abc
import dataclasses
from collections.abc import Callable

import tensorflow as tf

from ofa_tf.networks.layers.gpu import has_gpu


def depthwise_conv2d(inputs: tf.Tensor, kernel: tf.Tensor, strides: int) -> tf.Tensor:
    """Depthwise convolution with symmetric padding.

    Equal to `tf.nn.depthwise_conv2d` on symmetrically padded inputs, to the
    gradients.

    Args:
        inputs: `(batch, height, width, channels)`.
        kernel: `(size, size, channels, 1)`, size odd and static.
        strides: Stride along height and width.

    Returns:
        `(batch, ceil(height / strides), ceil(width / strides), channels)`.
    """
    passes = _choose_passes(inputs.dtype, kernel.shape[0], strides)

    @tf.custom_gradient
    def convolve(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            input_gradient = passes.input_gradient(inputs, kernel, upstream)
            kernel_gradient = passes.kernel_gradient(inputs, kernel, upstream)
            return input_gradient, kernel_gradient

        return passes.forward(inputs, kernel), gradient

    # Within a branch of `tf.switch_case` the gradient may only refer to the branch's own tensors.
    return convolve(tf.identity(inputs), tf.identity(kernel))


def _choose_passes(dtype: tf.DType, size: int, strides: int) -> "_Passes":
    """The fastest passes for the device that this program computes on."""
    if not has_gpu():
        return _CpuPasses(size, strides)
    if dtype != tf.float32:
        return _GpuPasses(size, strides)
    if size == _GROUPED_SIZE:
        return _GroupedKernelGradient(size, strides)
    return _TransposedKernelGradient(size, strides)


# For this kernel size, cuDNN has a fast float32 kernel for the kernel gradient of a grouped convolution.
_GROUPED_SIZE = 3


@dataclasses.dataclass(frozen=True)
class _Passes(abc.ABC):
    """The passes of a depthwise convolution.

    Args:
        size: Height and width of the kernel.
        strides: Stride along height and width.
    """

    size: int
    strides: int

    @abc.abstractmethod
    def forward(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """The outputs."""

    @abc.abstractmethod
    def input_gradient(self, inputs: tf.Tensor, kernel: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
        """The gradient of the inputs, from that of the outputs."""

    def kernel_gradient(self, inputs: tf.Tensor, kernel: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
        """The gradient of the kernel, from that of the outputs."""
        return tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=inputs,
            filter_sizes=tf.shape(kernel),
            out_backprop=upstream,
            strides=_nhwc_strides(self.strides),
            padding="EXPLICIT",
            explicit_paddings=_nhwc_paddings(self.size),
        )


class _CpuPasses(_Passes):
    """Forward pass and input gradient by oneDNN, where it is on; the kernel gradient by the faster of two kernels.

    oneDNN serves only the paddings `SAME` and `VALID`; an explicit padding selects TensorFlow's own kernel. Its kernel
    gradient takes half to a third of the time of oneDNN's, but for small kernels and few channels.
    """

    def forward(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return tf.raw_ops.DepthwiseConv2dNative(
            input=inputs,
            filter=self._extend(kernel, inputs),
            strides=_nhwc_strides(self.strides),
            padding="SAME",
        )

    def input_gradient(self, inputs: tf.Tensor, kernel: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
        return tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
            input_sizes=tf.shape(inputs),
            filter=self._extend(kernel, inputs),
            out_backprop=upstream,
            strides=_nhwc_strides(self.strides),
            padding="SAME",
        )

    def kernel_gradient(self, inputs: tf.Tensor, kernel: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
        channels = kernel.shape[2]
        has_few_channels = channels is not None and channels <= _FEW_CHANNELS
        if not (self.size == 3 and self.strides == 1 and has_few_channels):
            return super().kernel_gradient(inputs, kernel, upstream)
        return tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=inputs,
            filter_sizes=tf.shape(kernel),
            out_backprop=upstream,
            strides=_nhwc_strides(self.strides),
            padding="SAME",
        )

    def _extend(self, kernel: tf.Tensor, inputs: tf.Tensor) -> tf.Tensor:
        """The kernel with as many rows and columns of zeros at its end as make the padding `SAME` symmetric.

        With strides, `SAME` pads no more than the last window needs: less at the end than half the kernel. A kernel
        that reaches as far as the symmetric padding does gets the same padding, without a copy of the image.
        """
        if self.strides == 1:
            return kernel
        shape = tf.shape(inputs)
        rows = (shape[1] - 1) % self.strides
        columns = (shape[2] - 1) % self.strides
        paddings = [[0, rows], [0, columns], [0, 0], [0, 0]]
        return tf.pad(kernel, paddings)


# Up to so many, oneDNN's gradient of a 3x3 kernel takes a third to a half of the time of TensorFlow's own.
_FEW_CHANNELS = 32


class _GpuPasses(_Passes):
    """All passes by one operator each, which uses cuDNN's grouped convolutions in half precision.

    cuDNN takes about a second for the first call of a pass with a new shape.
    """

    def forward(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return tf.raw_ops.DepthwiseConv2dNative(
            input=inputs,
            filter=kernel,
            strides=_nhwc_strides(self.strides),
            padding="EXPLICIT",
            explicit_paddings=_nhwc_paddings(self.size),
        )

    def input_gradient(self, inputs: tf.Tensor, kernel: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
        return tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
            input_sizes=tf.shape(inputs),
            filter=kernel,
            out_backprop=upstream,
            strides=_nhwc_strides(self.strides),
            padding="EXPLICIT",
            explicit_paddings=_nhwc_paddings(self.size),
        )


class _TransposedKernelGradient(_GpuPasses):
    """The kernel gradient with channels before height and width.

    TensorFlow's own kernel is 2 to 5 times as fast with them, transpositions included.
    """

    def kernel_gradient(self, inputs: tf.Tensor, kernel: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
        margin = self.size // 2
        return tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=tf.transpose(inputs, _NHWC_TO_NCHW),
            filter_sizes=tf.shape(kernel),
            out_backprop=tf.transpose(upstream, _NHWC_TO_NCHW),
            strides=[1, 1, self.strides, self.strides],
            padding="EXPLICIT",
            explicit_paddings=[0, 0, 0, 0, margin, margin, margin, margin],
            data_format="NCHW",
        )


class _GroupedKernelGradient(_GpuPasses):
    """The kernel gradient of a grouped convolution, by cuDNN: for small kernels the fastest."""

    def kernel_gradient(self, inputs: tf.Tensor, kernel: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
        num_channels = tf.shape(kernel)[2]
        gradient = tf.raw_ops.Conv2DBackpropFilter(
            input=inputs,
            filter_sizes=tf.stack([self.size, self.size, 1, num_channels]),
            out_backprop=upstream,
            strides=_nhwc_strides(self.strides),
            padding="EXPLICIT",
            explicit_paddings=_nhwc_paddings(self.size),
        )
        return tf.reshape(gradient, tf.shape(kernel))


_NHWC_TO_NCHW = (0, 3, 1, 2)


def _nhwc_strides(strides: int) -> list[int]:
    return [1, strides, strides, 1]


def _nhwc_paddings(size: int) -> list[int]:
    """Half the kernel's size on each side of height and width."""
    margin = size // 2
    return [0, 0, margin, margin, margin, margin, 0, 0]
