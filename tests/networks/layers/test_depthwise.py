import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.networks.layers import depthwise
from ofa_tf.networks.layers.depthwise import depthwise_conv2d
from ofa_tf.networks.layers.gpu import has_gpu
from tests.support.networks import assert_close


def random_tensors(kernel_size: int, strides: int, height: int, width: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Inputs, a kernel and a gradient from above."""
    rng = np.random.default_rng(0)
    shapes = [
        (2, height, width, 5),
        (kernel_size, kernel_size, 5, 1),
        (2, -(-height // strides), -(-width // strides), 5),
    ]
    return tuple(tf.constant(rng.standard_normal(shape), tf.float32) for shape in shapes)


def plain(inputs: tf.Tensor, kernel: tf.Tensor, strides: int) -> tf.Tensor:
    margin = kernel.shape[0] // 2
    padding = [[0, 0], [margin, margin], [margin, margin], [0, 0]]
    return tf.nn.depthwise_conv2d(inputs, kernel, [1, strides, strides, 1], padding)


def run(convolve, inputs: tf.Tensor, kernel: tf.Tensor, upstream: tf.Tensor, strides: int) -> tuple[tf.Tensor, ...]:
    """Outputs, input gradient and kernel gradient."""
    with tf.GradientTape() as tape:
        tape.watch([inputs, kernel])
        outputs = convolve(inputs, kernel, strides)
    return outputs, *tape.gradient(outputs, [inputs, kernel], upstream)


@pytest.mark.parametrize(("height", "width"), [(9, 9), (8, 8), (7, 10)])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7])
def test_outputs_and_gradients_equal_those_of_tensorflow(
    kernel_size: int, strides: int, height: int, width: int
) -> None:
    tensors = random_tensors(kernel_size, strides, height, width)

    actual, expected = run(depthwise_conv2d, *tensors, strides), run(plain, *tensors, strides)

    for one, other in zip(actual, expected, strict=True):
        assert one.shape == other.shape
        assert_close(one, other)


def test_kernel_larger_than_the_image() -> None:
    tensors = random_tensors(7, 2, 3, 2)
    for one, other in zip(run(depthwise_conv2d, *tensors, 2), run(plain, *tensors, 2), strict=True):
        assert_close(one, other)


@pytest.mark.parametrize("strides", [1, 2])
def test_gradients_within_a_branch_of_a_graph_equal_those_outside(strides: int) -> None:
    inputs, kernel, upstream = random_tensors(5, strides, 9, 8)

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None, None, None, 5)), tf.TensorSpec((), tf.int32)])
    def in_branch(inputs: tf.Tensor, branch: tf.Tensor) -> tuple[tf.Tensor, ...]:
        def convolve(inputs: tf.Tensor, kernel: tf.Tensor, strides: int) -> tf.Tensor:
            branches = [
                lambda: depthwise_conv2d(inputs, kernel[1:4, 1:4], strides),
                lambda: depthwise_conv2d(inputs, kernel, strides),
            ]
            return tf.switch_case(branch, branches)

        return run(convolve, inputs, kernel, upstream, strides)

    for branch, margin in ((0, 1), (1, 0)):
        outputs, input_gradient, kernel_gradient = in_branch(inputs, tf.constant(branch))
        small = kernel[margin : 5 - margin, margin : 5 - margin]
        expected = run(plain, inputs, small, upstream, strides)
        assert_close(outputs, expected[0])
        assert_close(input_gradient, expected[1])
        outside = [[margin, margin], [margin, margin], [0, 0], [0, 0]]
        assert_close(kernel_gradient, tf.pad(expected[2], outside))  # what was cut off has no gradient


@pytest.mark.parametrize(
    ("kernel_size", "strides", "channels", "padding"),
    [
        (3, 1, 16, b"SAME"),
        (3, 1, 64, b"EXPLICIT"),
        (3, 1, None, b"EXPLICIT"),
        (3, 2, 16, b"EXPLICIT"),
        (5, 1, 16, b"EXPLICIT"),
    ],
)
def test_a_cpu_gets_the_kernels_for_cpus(kernel_size: int, strides: int, channels: int | None, padding: bytes) -> None:
    if has_gpu():
        pytest.skip("there is a GPU")
    images = tf.TensorSpec((None, None, None, channels))
    kernel = tf.TensorSpec((kernel_size, kernel_size, channels, 1))

    @tf.function(autograph=False, input_signature=[images, kernel, images])
    def in_graph(inputs: tf.Tensor, kernel: tf.Tensor, upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return run(depthwise_conv2d, inputs, kernel, upstream, strides)

    operators = {}
    for operator in in_graph.get_concrete_function().graph.get_operations():
        operators[operator.type] = operator
    # The padding is what picks the kernel.
    assert operators["DepthwiseConv2dNative"].get_attr("padding") == b"SAME"
    assert operators["DepthwiseConv2dNativeBackpropInput"].get_attr("padding") == b"SAME"
    assert operators["DepthwiseConv2dNativeBackpropFilter"].get_attr("padding") == padding


@pytest.mark.parametrize(
    ("dtype", "size", "passes"),
    [
        (tf.float32, 3, depthwise._GroupedKernelGradient),
        (tf.float32, 5, depthwise._TransposedKernelGradient),
        (tf.float32, 7, depthwise._TransposedKernelGradient),
        (tf.float16, 3, depthwise._GpuPasses),
        (tf.bfloat16, 7, depthwise._GpuPasses),
    ],
)
def test_a_gpu_gets_kernels_by_dtype_and_size(
    dtype: tf.DType, size: int, passes: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(depthwise, "has_gpu", lambda: True)
    assert type(depthwise._choose_passes(dtype, size, 1)) is passes


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize(
    "passes", [depthwise._GpuPasses, depthwise._TransposedKernelGradient, depthwise._GroupedKernelGradient]
)
def test_the_passes_for_gpus_equal_those_for_cpus(passes: type, strides: int) -> None:
    if passes is not depthwise._GpuPasses and not has_gpu():
        pytest.skip("TensorFlow has these kernels for GPUs only")
    inputs, kernel, upstream = random_tensors(3, strides, 9, 8)
    for_gpu, for_cpu = passes(3, strides), depthwise._CpuPasses(3, strides)

    tolerance = 1e-3 if has_gpu() else 1e-5  # convolutions of a GPU round to TensorFloat-32
    assert_close(for_gpu.forward(inputs, kernel), for_cpu.forward(inputs, kernel), tolerance)
    for name in ("input_gradient", "kernel_gradient"):
        actual = getattr(for_gpu, name)(inputs, kernel, upstream)
        expected = getattr(for_cpu, name)(inputs, kernel, upstream)
        assert_close(actual, expected, tolerance)
