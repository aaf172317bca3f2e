import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.networks.layers.fused_normalization import normalize_and_activate
from tests.support.networks import assert_close

EPSILON = 1e-2


def random_tensors(dtype: str = "float32") -> tuple[tf.Tensor, ...]:
    """Inputs, gamma, beta and a gradient from above."""
    rng = np.random.default_rng(0)
    inputs = tf.cast(1 + 3 * rng.standard_normal((4, 5, 6, 7)), dtype)
    gamma, beta = (tf.constant(rng.standard_normal(7), tf.float32) for _ in range(2))
    upstream = tf.cast(rng.standard_normal((4, 5, 6, 7)), dtype)
    return inputs, gamma, beta, upstream


def fused(inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, activation: str) -> tf.Tensor:
    outputs, _, _ = normalize_and_activate(inputs, gamma, beta, epsilon=EPSILON, activation=activation)
    return outputs


def plain(inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, activation: str) -> tf.Tensor:
    """The formula, by operators that TensorFlow differentiates."""
    mean, variance = tf.nn.moments(tf.cast(inputs, tf.float32), (0, 1, 2))
    normalized = (tf.cast(inputs, tf.float32) - mean) / tf.sqrt(variance + EPSILON) * gamma + beta
    return tf.cast(keras.activations.get(activation)(normalized), inputs.dtype)


def run(function, tensors: tuple[tf.Tensor, ...], activation: str) -> list[tf.Tensor]:
    """Outputs, and the gradients of inputs, gamma and beta."""
    *arguments, upstream = tensors
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        outputs = function(*arguments, activation)
    return [outputs, *tape.gradient(outputs, arguments, upstream)]


@pytest.mark.parametrize("activation", ["linear", "relu", "hard_swish"])
def test_outputs_and_gradients_equal_those_of_the_formula(activation: str) -> None:
    tensors = random_tensors()

    for actual, expected in zip(run(fused, tensors, activation), run(plain, tensors, activation), strict=True):
        assert_close(actual, expected)


def test_statistics_are_those_of_the_inputs() -> None:
    inputs, gamma, beta, _ = random_tensors()

    _, mean, variance = normalize_and_activate(inputs, gamma, beta, epsilon=EPSILON, activation="relu")

    assert_close(mean, inputs.numpy().mean(axis=(0, 1, 2)))
    assert_close(variance, inputs.numpy().var(axis=(0, 1, 2)))


def test_in_half_precision_only_inputs_and_outputs_are_rounded() -> None:
    tensors = random_tensors("bfloat16")
    rounding = 2**-8  # of bfloat16, with its 8 significant bits

    outputs, inputs_gradient, gamma_gradient, beta_gradient = run(fused, tensors, "hard_swish")

    assert outputs.dtype == inputs_gradient.dtype == tf.bfloat16
    assert gamma_gradient.dtype == beta_gradient.dtype == tf.float32
    in_float32 = tuple(tf.cast(tensor, tf.float32) for tensor in tensors)
    expected = run(plain, in_float32, "hard_swish")
    for actual, exact in zip((outputs, inputs_gradient), expected[:2], strict=True):
        assert_close(tf.cast(actual, tf.float32), exact, rounding)
    for actual, exact in zip((gamma_gradient, beta_gradient), expected[2:], strict=True):
        assert_close(actual, exact)


def test_one_trace_serves_all_sizes_within_a_branch_of_a_graph() -> None:
    inputs, gamma, beta, upstream = random_tensors()
    images = tf.TensorSpec((None, None, None, None))

    @tf.function(autograph=False, input_signature=[images, images, tf.TensorSpec((), tf.bool)])
    def in_branch(inputs: tf.Tensor, upstream: tf.Tensor, is_run: tf.Tensor) -> tf.Tensor:
        channels = tf.shape(inputs)[-1]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = tf.cond(
                is_run, lambda: fused(inputs, gamma[:channels], beta[:channels], "relu"), lambda: 2 * inputs
            )
        return tape.gradient(outputs, inputs, upstream)

    for rows, channels in ((5, 7), (3, 4)):
        tensors = (inputs[:, :rows, :, :channels], gamma[:channels], beta[:channels], upstream[:, :rows, :, :channels])
        _, expected, *_ = run(plain, tensors, "relu")
        assert_close(in_branch(tensors[0], tensors[3], True), expected)
        assert_close(in_branch(tensors[0], tensors[3], False), 2 * tensors[3])
    assert in_branch.experimental_get_tracing_count() == 1
