import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.networks.layers.activations import get_activation
from ofa_tf.networks.layers.pooling import global_average_pool
from tests.support.networks import assert_close


@pytest.mark.parametrize("name", ["relu", "relu6", "hard_swish", "hard_sigmoid", "linear"])
def test_values_and_gradients_equal_those_of_keras(name: str) -> None:
    x = tf.linspace(-5.0, 8.0, 200)  # on both sides of every bend
    upstream = tf.linspace(1.0, 2.0, 200)
    results = []
    for activation in (get_activation(name), keras.activations.get(name)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = activation(x)
        results.append((outputs, tape.gradient(outputs, x, upstream)))

    for actual, expected in zip(*results, strict=True):
        assert_close(actual, expected, 1e-6)


def test_half_precision_stays_half_precision() -> None:
    x = tf.cast(tf.linspace(-4.0, 4.0, 20), tf.bfloat16)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = get_activation("hard_swish")(x)

    assert outputs.dtype == tape.gradient(outputs, x).dtype == tf.bfloat16


def test_pooling_is_the_mean_over_the_pixels_to_the_gradient() -> None:
    rng = np.random.default_rng(0)
    inputs = tf.constant(rng.standard_normal((2, 3, 4, 5)), tf.float32)
    upstream = tf.constant(rng.standard_normal((2, 1, 1, 5)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = global_average_pool(inputs)

    assert_close(outputs, inputs.numpy().mean(axis=(1, 2), keepdims=True))
    assert_close(tape.gradient(outputs, inputs, upstream), np.broadcast_to(upstream / 12, inputs.shape))
