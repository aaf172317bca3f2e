import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.networks.layers import elastic_batch_normalization
from ofa_tf.networks.layers.elastic_batch_normalization import ElasticBatchNormalization
from tests.support import plain_layers
from tests.support.networks import assert_close, randomize

CHANNELS = 6


def build(**options) -> ElasticBatchNormalization:
    layer = ElasticBatchNormalization(**options)
    layer.build((None, None, None, CHANNELS))
    return randomize(layer)


def plain_twin(layer: ElasticBatchNormalization, channels: int) -> keras.layers.BatchNormalization:
    """Keras's own layer with the first channels' weights."""
    twin = keras.layers.BatchNormalization(epsilon=layer.epsilon, momentum=layer.momentum)
    twin.build((None, None, None, channels))
    twin.set_weights([weight.numpy()[:channels] for weight in layer.weights])
    return twin


def random_inputs(channels: int, seed: int = 1, batch: int = 3) -> tf.Tensor:
    rng = np.random.default_rng(seed)
    return tf.constant(2 + 3 * rng.standard_normal((batch, 5, 4, channels)), tf.float32)


@pytest.mark.parametrize("channels", [6, 4, 1])
def test_inference_uses_the_first_channels_statistics(channels: int) -> None:
    layer, inputs = build(epsilon=1e-2), random_inputs(channels)
    before = [weight.numpy() for weight in layer.weights]

    outputs = layer(inputs, training=False)

    weights = [weight[:channels] for weight in before]
    assert_close(outputs, plain_layers.batch_norm(inputs.numpy(), weights, 1e-2))
    for actual, expected in zip(layer.static_weights(channels), weights, strict=True):
        np.testing.assert_array_equal(actual, expected)
    for weight, old in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


@pytest.fixture(params=[False, True], ids=["operators", "fused"])
def each_operation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training by TensorFlow's operators, and by what is compiled for GPUs."""
    monkeypatch.setattr(elastic_batch_normalization, "compiles_for_gpu", lambda: request.param)


@pytest.mark.usefixtures("each_operation")
@pytest.mark.parametrize("channels", [6, 4, 1])
def test_training_equals_keras_in_outputs_gradients_and_running_statistics(channels: int) -> None:
    layer = build(epsilon=1e-2, momentum=0.8)
    twin = plain_twin(layer, channels)
    untouched = [weight.numpy()[channels:] for weight in layer.weights]

    for seed in range(3):
        inputs, upstream = random_inputs(channels, seed), random_inputs(channels, seed + 10)
        results = []
        for one in (layer, twin):
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs = one(inputs, training=True)
            gradients = tape.gradient(outputs, [inputs, one.gamma.value, one.beta.value], upstream)
            results.append([outputs, gradients[0], gradients[1][:channels], gradients[2][:channels]])
        for actual, expected in zip(*results, strict=True):
            assert_close(actual, expected)
        for actual, expected in zip(layer.weights, twin.weights, strict=True):
            assert_close(actual.numpy()[:channels], expected)
    for weight, old in zip(layer.weights, untouched, strict=True):
        np.testing.assert_array_equal(weight.numpy()[channels:], old)


@pytest.mark.usefixtures("each_operation")
@pytest.mark.parametrize("is_training", [False, True])
def test_the_activation_comes_behind(is_training: bool) -> None:
    inputs = random_inputs(4)
    linear, activated = build(), build(activation="relu6")

    outputs = activated(inputs, training=is_training)

    assert_close(outputs, tf.nn.relu6(linear(inputs, training=is_training)))


def test_running_variance_is_the_biased_one() -> None:
    layer, inputs = build(momentum=0.0), random_inputs(CHANNELS, batch=1)

    layer(inputs, training=True)

    assert_close(layer.moving_mean, inputs.numpy().mean(axis=(0, 1, 2)))
    assert_close(layer.moving_variance, inputs.numpy().var(axis=(0, 1, 2)))


def test_one_value_a_channel_has_no_variance() -> None:
    layer = build(momentum=0.0)

    outputs = layer(tf.ones((1, 1, 1, CHANNELS)), training=True)

    np.testing.assert_allclose(outputs[0, 0, 0], layer.beta, rtol=1e-6)
    np.testing.assert_array_equal(layer.moving_variance, np.zeros(CHANNELS))


@pytest.mark.parametrize("momentum", [0.25, tf.constant(0.25)], ids=["float", "tensor"])
def test_momentum_can_be_overridden_in_a_call(momentum: object) -> None:
    layer, inputs = build(momentum=0.9), random_inputs(4)
    mean, variance = layer.moving_mean.numpy()[:4], layer.moving_variance.numpy()[:4]

    layer(inputs, training=True, momentum=momentum)

    batch = inputs.numpy()
    assert_close(layer.moving_mean.numpy()[:4], 0.25 * mean + 0.75 * batch.mean(axis=(0, 1, 2)))
    assert_close(layer.moving_variance.numpy()[:4], 0.25 * variance + 0.75 * batch.var(axis=(0, 1, 2)))
    assert layer.momentum == 0.9


def test_momentum_0_forgets_even_statistics_that_are_not_finite() -> None:
    layer, inputs = build(), random_inputs(CHANNELS)
    layer.moving_mean.assign(np.full(CHANNELS, np.nan))
    layer.moving_variance.assign(np.full(CHANNELS, np.inf))

    layer(inputs, training=True, momentum=0.0)

    assert_close(layer.moving_mean, inputs.numpy().mean(axis=(0, 1, 2)))
    assert_close(layer.moving_variance, inputs.numpy().var(axis=(0, 1, 2)))


def test_one_graph_serves_all_numbers_of_channels() -> None:
    layer, num_traces = build(), 0

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None, None, None, None))])
    def train(inputs: tf.Tensor) -> tf.Tensor:
        nonlocal num_traces
        num_traces += 1
        return layer(inputs, training=True)

    for channels in (6, 3, 5):
        twin, inputs = plain_twin(layer, channels), random_inputs(channels)
        assert_close(train(inputs), twin(inputs, training=True))
        assert_close(layer.moving_mean.numpy()[:channels], twin.moving_mean)
        assert_close(layer.moving_variance.numpy()[:channels], twin.moving_variance)
    assert num_traces == 1


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_statistics_are_float32_under_mixed_precision(policy: str) -> None:
    layer = build(dtype=policy, momentum=0.0)
    exact = random_inputs(4)

    outputs = layer(exact, training=True)

    half = tf.cast(exact, policy.removeprefix("mixed_"))
    assert outputs.dtype == half.dtype
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    rounded = tf.cast(half, tf.float32).numpy()
    assert_close(layer.moving_mean.numpy()[:4], rounded.mean(axis=(0, 1, 2)), 1e-5)
    assert_close(layer.moving_variance.numpy()[:4], rounded.var(axis=(0, 1, 2)), 1e-5)
    assert not np.array_equal(layer.moving_mean, tf.cast(tf.cast(layer.moving_mean, half.dtype), tf.float32))
    assert_close(outputs, plain_twin(layer, 4)(rounded, training=True), 1e-2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epsilon": 0}, r"`epsilon` to be positive\. Received: epsilon=0\."),
        ({"epsilon": float("nan")}, r"`epsilon` to be positive\. Received: epsilon=nan\."),
        ({"momentum": 1.5}, r"`momentum` to be between 0 and 1\. Received: momentum=1\.5\."),
        ({"momentum": -0.1}, r"`momentum` to be between 0 and 1\. Received: momentum=-0\.1\."),
    ],
)
def test_impossible_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ElasticBatchNormalization(**options)
