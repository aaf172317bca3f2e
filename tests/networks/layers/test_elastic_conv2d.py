import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.networks.layers.elastic_conv2d import ElasticConv2D
from tests.support import plain_layers
from tests.support.networks import assert_close, randomize


def build(channels: int = 6, filters: int = 8, **options) -> ElasticConv2D:
    layer = ElasticConv2D(filters, **options)
    layer.build((None, None, None, channels))
    return randomize(layer)


def random_inputs(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize(("height", "width"), [(9, 9), (8, 8), (7, 10)])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize(("in_channels", "filters"), [(6, 8), (6, 3), (2, 8), (1, 1)])
def test_equals_a_plain_convolution_with_the_first_channels(
    in_channels: int, filters: int, kernel_size: int, strides: int, height: int, width: int
) -> None:
    layer = build(kernel_size=kernel_size, strides=strides, use_bias=True)
    inputs = random_inputs(2, height, width, in_channels)

    outputs = layer(inputs, filters=filters)

    kernel, bias = layer.kernel.numpy()[:, :, :in_channels, :filters], layer.bias.numpy()[:filters]
    assert_close(outputs, plain_layers.conv2d(inputs, kernel, strides, bias))
    assert outputs.shape == (*layer.compute_output_shape(inputs.shape)[:-1], filters)
    for actual, expected in zip(layer.static_weights(in_channels, filters), (kernel, bias), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_all_filters_are_the_default() -> None:
    layer, inputs = build(kernel_size=3), random_inputs(2, 5, 5, 6)

    np.testing.assert_array_equal(layer(inputs), layer(inputs, filters=8))
    assert len(layer.weights) == 1
    assert len(layer.static_weights(6)) == 1


def test_tensors_choose_what_ints_choose() -> None:
    layer, num_traces = build(kernel_size=3, strides=2, use_bias=True), 0

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec((None, None, None, None)), tf.TensorSpec((), tf.int32)]
    )
    def graph(inputs: tf.Tensor, filters: tf.Tensor) -> tf.Tensor:
        nonlocal num_traces
        num_traces += 1
        return layer(inputs, filters=filters)

    for in_channels, filters, size in ((6, 8, 9), (6, 3, 8), (2, 5, 6)):
        inputs = random_inputs(2, size, size, in_channels)
        assert_close(graph(inputs, tf.constant(filters)), layer(inputs, filters=filters), 1e-6)
    assert num_traces == 1


def test_gradient_reaches_only_the_chosen_weights() -> None:
    layer, inputs = build(kernel_size=3), random_inputs(2, 5, 5, 4)

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(inputs, filters=3) ** 2)
    gradient = tape.gradient(loss, layer.kernel.value).numpy()

    assert np.all(gradient[:, :, :4, :3] != 0)
    assert np.all(gradient[:, :, 4:] == 0)
    assert np.all(gradient[..., 3:] == 0)


@pytest.mark.parametrize("filters", [0, -1, 9])
def test_impossible_number_of_filters_is_refused(filters: int) -> None:
    with pytest.raises(ValueError, match=rf"Expected `filters` to be between 1 and 8\. Received: filters={filters}\."):
        build()(random_inputs(1, 4, 4, 6), filters=filters)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": 0}, r"`filters` to be at least 1\. Received: filters=0"),
        ({"filters": 8, "kernel_size": 4}, r"`kernel_size` to be odd\. Received: kernel_size=4"),
        ({"filters": 8, "kernel_size": -1}, r"`kernel_size` to be odd\. Received: kernel_size=-1"),
    ],
)
def test_impossible_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ElasticConv2D(**options)
