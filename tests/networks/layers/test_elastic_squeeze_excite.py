import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.networks.layers.elastic_squeeze_excite import ElasticSqueezeExcite
from tests.support import plain_layers
from tests.support.networks import assert_close, randomize


@pytest.fixture
def layer() -> ElasticSqueezeExcite:
    layer = ElasticSqueezeExcite(4)
    layer.build((None, None, None, 10))
    return randomize(layer)


def random_inputs(channels: int, size: int = 5) -> np.ndarray:
    inputs = np.random.default_rng(1).standard_normal((3, size, size + 1, channels), dtype=np.float32)
    return 4 * inputs + 2  # so that both ends of the hard-sigmoid are reached


def reference(layer: ElasticSqueezeExcite, inputs: np.ndarray, squeeze_channels: int) -> np.ndarray:
    channels = inputs.shape[-1]
    reduce, expand = layer.reduce_conv, layer.expand_conv
    return plain_layers.squeeze_excite(
        inputs,
        [reduce.kernel.numpy()[:, :, :channels, :squeeze_channels], reduce.bias.numpy()[:squeeze_channels]],
        [expand.kernel.numpy()[:, :, :squeeze_channels, :channels], expand.bias.numpy()[:channels]],
    )


@pytest.mark.parametrize(("channels", "squeeze_channels"), [(10, 4), (7, 4), (10, 2), (3, 1)])
def test_equals_the_formula_with_the_first_channels(
    layer: ElasticSqueezeExcite, channels: int, squeeze_channels: int
) -> None:
    inputs = random_inputs(channels)

    outputs = layer(inputs, squeeze_channels=squeeze_channels)

    assert_close(outputs, reference(layer, inputs, squeeze_channels))
    weights = layer.static_weights(channels, squeeze_channels)
    assert_close(outputs, plain_layers.squeeze_excite(inputs, **weights))


def test_tensors_choose_what_ints_choose(layer: ElasticSqueezeExcite) -> None:
    num_traces = 0

    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec((None, None, None, None)), tf.TensorSpec((), tf.int32)]
    )
    def graph(inputs: tf.Tensor, squeeze_channels: tf.Tensor) -> tf.Tensor:
        nonlocal num_traces
        num_traces += 1
        return layer(inputs, squeeze_channels=squeeze_channels)

    for channels, squeeze_channels in ((10, 4), (7, 3), (4, 1)):
        inputs = random_inputs(channels, size=channels)
        expected = layer(inputs, squeeze_channels=squeeze_channels)
        assert_close(graph(inputs, tf.constant(squeeze_channels)), expected, 1e-6)
    assert num_traces == 1


def test_all_squeezed_channels_are_the_default(layer: ElasticSqueezeExcite) -> None:
    inputs = random_inputs(10)
    np.testing.assert_array_equal(layer(inputs), layer(inputs, squeeze_channels=4))
    assert layer.compute_output_shape(inputs.shape) == inputs.shape


def test_impossible_numbers_are_refused(layer: ElasticSqueezeExcite) -> None:
    with pytest.raises(ValueError, match=r"`squeeze_channels` to be between 1 and 4\. Received: squeeze_channels=5\."):
        layer(random_inputs(10), squeeze_channels=5)
    with pytest.raises(ValueError, match=r"`squeeze_channels` to be at least 1\. Received: squeeze_channels=0\."):
        ElasticSqueezeExcite(0)
