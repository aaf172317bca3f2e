import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.networks.layers.elastic_depthwise_conv2d import ElasticDepthwiseConv2D
from tests.support import plain_layers
from tests.support.networks import assert_close, randomize


def build(channels: int = 6, kernel_sizes: tuple[int, ...] = (3, 5, 7), strides: int = 1) -> ElasticDepthwiseConv2D:
    layer = ElasticDepthwiseConv2D(kernel_sizes, strides)
    layer.build((None, None, None, channels))
    return layer


def random_inputs(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape, dtype=np.float32)


def expected_kernel(layer: ElasticDepthwiseConv2D, channels: int, kernel_size: int) -> np.ndarray:
    """The kernel by NumPy loops; 3x3 is made of 5x5, which is made of 7x7."""
    matrices = {target: layer.transforms[str(target)].numpy() for target in layer.kernel_sizes[:-1]}
    used = [matrices[target] for target in sorted(matrices, reverse=True) if target >= kernel_size]
    return plain_layers.transform_kernel(layer.kernel.numpy()[:, :, :channels], used)


@pytest.mark.parametrize(("height", "width"), [(9, 9), (8, 8), (7, 10)])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("kernel_size", [3, 5, 7])
@pytest.mark.parametrize("channels", [6, 1])
def test_equals_a_plain_convolution_with_the_transformed_kernel(
    channels: int, kernel_size: int, strides: int, height: int, width: int
) -> None:
    layer = randomize(build(strides=strides))
    inputs = random_inputs(2, height, width, channels)

    outputs = layer(inputs, kernel_size=kernel_size)

    kernel = expected_kernel(layer, channels, kernel_size)
    assert_close(outputs, plain_layers.depthwise_conv2d(inputs, kernel, strides))
    assert outputs.shape == layer.compute_output_shape(inputs.shape)
    assert_close(layer.static_weights(channels, kernel_size)[0], kernel)


def test_smallest_kernel_goes_through_both_matrices() -> None:
    layer, inputs = randomize(build()), random_inputs(1, 9, 9, 6)
    before = {size: layer(inputs, kernel_size=size).numpy() for size in (3, 5, 7)}

    layer.transforms["5"].assign(2 * layer.transforms["5"])
    layer.transforms["3"].assign(3 * layer.transforms["3"])

    assert_close(layer(inputs, kernel_size=7), before[7])
    assert_close(layer(inputs, kernel_size=5), 2 * before[5])
    assert_close(layer(inputs, kernel_size=3), 6 * before[3])


def test_transforms_start_as_the_identity() -> None:
    layer, inputs = build(), random_inputs(2, 9, 8, 6)
    kernel = layer.kernel.numpy()

    for kernel_size, margin in ((3, 2), (5, 1), (7, 0)):
        centre = kernel[margin : 7 - margin, margin : 7 - margin]
        assert_close(layer(inputs, kernel_size=kernel_size), plain_layers.depthwise_conv2d(inputs, centre))


@pytest.mark.parametrize(
    ("kernel_sizes", "extra"), [((3, 5, 7), 706), ((3, 5), 81), ((5, 7), 625), ((3, 7), 81), ((7,), 0)]
)
def test_number_of_extra_parameters(kernel_sizes: tuple[int, ...], extra: int) -> None:
    for channels in (6, 30):  # all channels share the matrices
        layer = build(channels, kernel_sizes)
        assert layer.count_params() - kernel_sizes[-1] ** 2 * channels == extra


def test_kernel_sizes_may_leave_out_one() -> None:
    layer, inputs = randomize(build(kernel_sizes=(3, 7))), random_inputs(1, 9, 9, 6)

    centre = layer.kernel.numpy()[2:5, 2:5].reshape(9, 6)
    kernel = (layer.transforms["3"].numpy() @ centre).reshape(3, 3, 6, 1)

    assert_close(layer(inputs, kernel_size=3), plain_layers.depthwise_conv2d(inputs, kernel))


@pytest.mark.parametrize("strides", [1, 2])
def test_tensors_choose_what_ints_choose_with_the_same_gradients(strides: int) -> None:
    layer, num_traces = randomize(build(strides=strides)), 0

    def run(inputs: tf.Tensor, kernel_size: int | tf.Tensor) -> tuple[tf.Tensor, ...]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, kernel_size=kernel_size)
            loss = tf.reduce_sum(outputs**2)
        weights = [weight.value for weight in layer.weights]
        return outputs, *tape.gradient(loss, [inputs, *weights], unconnected_gradients="zero")

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec((None, None, None, None)), tf.TensorSpec((), tf.int32)]
    )
    def graph(inputs: tf.Tensor, kernel_size: tf.Tensor) -> tuple[tf.Tensor, ...]:
        nonlocal num_traces
        num_traces += 1
        return run(inputs, kernel_size)

    for kernel_size, size, channels in ((3, 9, 6), (5, 8, 6), (7, 9, 4)):
        inputs = tf.constant(random_inputs(2, size, size, channels))
        for actual, expected in zip(graph(inputs, tf.constant(kernel_size)), run(inputs, kernel_size), strict=True):
            assert_close(actual, expected)
    assert num_traces == 1


def test_gradient_goes_through_the_transforms() -> None:
    layer, inputs = randomize(build()), random_inputs(1, 9, 9, 6)
    weights = [layer.kernel.value, layer.transforms["5"].value, layer.transforms["3"].value]

    for kernel_size, reaches in ((7, (True, False, False)), (5, (True, True, False)), (3, (True, True, True))):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(inputs, kernel_size=kernel_size) ** 2)
        assert tuple(gradient is not None for gradient in tape.gradient(loss, weights)) == reaches


def test_largest_kernel_is_the_default_and_one_kernel_size_needs_no_branches() -> None:
    layer, inputs = randomize(build()), random_inputs(1, 9, 9, 6)
    np.testing.assert_array_equal(layer(inputs), layer(inputs, kernel_size=7))

    layer = build(kernel_sizes=(5,))
    np.testing.assert_array_equal(layer(inputs, kernel_size=tf.constant(5)), layer(inputs))


@pytest.mark.parametrize("kernel_size", [1, 4, 9])
def test_kernel_size_that_is_no_choice_is_refused(kernel_size: int) -> None:
    layer = build()
    message = rf"Expected `kernel_size` to be one of \(3, 5, 7\)\. Received: kernel_size={kernel_size}\."
    with pytest.raises(ValueError, match=message):
        layer(random_inputs(1, 4, 4, 6), kernel_size=kernel_size)
    with pytest.raises(ValueError, match=message):
        layer.static_weights(6, kernel_size)


@pytest.mark.parametrize("kernel_sizes", [(), (4,), (5, 3), (3, 3)])
def test_impossible_choices_are_refused(kernel_sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"to be odd and ascending\. Received: kernel_sizes=\(.*\)\.$") as error:
        ElasticDepthwiseConv2D(kernel_sizes)
    assert f"kernel_sizes={kernel_sizes}." in str(error.value)
