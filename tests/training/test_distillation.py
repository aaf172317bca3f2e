import math

import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.training.alpha_divergence import adaptive_alpha_divergence
from ofa_tf.training.distillation import DISTILLATION_LOSSES, AlphaDivergence
from ofa_tf.training.losses import cross_entropy, make_targets

_UNBOUNDED = 1e30
_RNG = np.random.default_rng(0)
LOGITS, TEACHER = 2 * _RNG.standard_normal((2, 6, 4))
LABELS = np.array([0, 3, 1, 1, 2, 0])


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


def _divergence(p: np.ndarray, q: np.ndarray, alpha: float, largest_ratio: float) -> float:
    """Class by class, as the formula stands in the paper."""
    total = 0.0
    for of_teacher, of_subnet in zip(p, q, strict=True):
        if alpha == 1:
            total += of_teacher * math.log(of_teacher / of_subnet)
        else:
            power = min((of_teacher / of_subnet) ** alpha, largest_ratio)
            total += of_subnet * (power - 1) / (alpha * (alpha - 1))
    return total


def _adaptive(logits: np.ndarray, alphas: tuple[float, float], largest_ratio: float) -> np.ndarray:
    """The larger divergence of each image."""
    values = []
    for row, teacher_row in zip(logits, TEACHER, strict=True):
        p, q = _softmax(teacher_row), _softmax(row)
        values.append(max(_divergence(p, q, alpha, largest_ratio) for alpha in alphas))
    return np.array(values)


def _with_gradient(alphas: tuple[float, float], largest_ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """The divergences, and the gradient of their sum."""
    logits = tf.Variable(LOGITS, dtype=tf.float32)
    teacher = tf.nn.log_softmax(tf.constant(TEACHER, tf.float32))
    with tf.GradientTape() as tape:
        values = adaptive_alpha_divergence(teacher, logits, alphas, largest_ratio)
        total = tf.reduce_sum(values)
    return values.numpy(), tape.gradient(total, logits).numpy()


@pytest.mark.parametrize("alphas", [(-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0), (1.0, 1.0), (-0.5, 2.0)])
@pytest.mark.parametrize("largest_ratio", [1.5, 5.0, _UNBOUNDED])
def test_it_is_the_larger_divergence_of_each_image(alphas: tuple[float, float], largest_ratio: float) -> None:
    values, _ = _with_gradient(alphas, largest_ratio)
    np.testing.assert_allclose(values, _adaptive(LOGITS, alphas, largest_ratio), rtol=1e-4, atol=1e-5)


def test_some_images_have_the_one_divergence_larger_and_some_the_other() -> None:
    first, second = (_adaptive(LOGITS, (alpha, alpha), 5.0) for alpha in (-1.0, 1.0))
    assert 0 < np.sum(first > second) < len(LOGITS)


@pytest.mark.parametrize("alphas", [(-1.0, 1.0), (-0.5, 2.0)])
def test_its_gradient_is_that_of_finite_differences_where_nothing_is_cut(alphas: tuple[float, float]) -> None:
    _, gradient = _with_gradient(alphas, _UNBOUNDED)
    step = 1e-6
    expected = np.zeros_like(LOGITS)
    for index in np.ndindex(LOGITS.shape):
        change = np.zeros_like(LOGITS)
        change[index] = step
        rise = _adaptive(LOGITS + change, alphas, _UNBOUNDED) - _adaptive(LOGITS - change, alphas, _UNBOUNDED)
        expected[index] = rise.sum() / (2 * step)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)


def test_a_large_ratio_is_cut_in_the_gradient() -> None:
    _, gradient = _with_gradient((-1.0, -1.0), 1.5)
    num_cut = 0
    for row, teacher_row, found in zip(LOGITS, TEACHER, gradient, strict=True):
        p, q = _softmax(teacher_row), _softmax(row)
        factors = []
        for of_teacher, of_subnet in zip(p, q, strict=True):
            ratio = of_subnet / of_teacher
            num_cut += ratio > 1.5
            factors.append(-of_subnet * min(ratio, 1.5))
        # The gradient of -sum(factor * log q) with regard to the logits.
        expected = q * sum(factors) - np.array(factors)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert 0 < num_cut < LOGITS.size


def test_it_is_finite_for_predictions_without_any_doubt() -> None:
    sure = tf.constant([[300.0, 0, -300], [0, 300, -300]])
    logits = tf.Variable(sure[::-1])
    with tf.GradientTape() as tape:
        values = adaptive_alpha_divergence(tf.nn.log_softmax(sure), logits)
    gradient = tape.gradient(values, logits)
    assert np.isfinite(values).all()
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() <= 5


def _loss_and_gradient(name: str, teacher_logits: tf.Tensor | None, weight: float) -> tuple[float, np.ndarray]:
    loss = DISTILLATION_LOSSES[name]
    targets = loss.make_targets(tf.constant(LABELS), 4, 0.1, teacher_logits=teacher_logits, distillation_weight=weight)
    assert targets.shape == (6, loss.num_columns(4))
    logits = tf.Variable(LOGITS, dtype=tf.float32)
    with tf.GradientTape() as tape:
        value = loss(targets, logits)
    return float(value), tape.gradient(value, logits).numpy()


def test_labels_and_teacher_are_added_up_by_weight() -> None:
    teacher = tf.constant(TEACHER, tf.float32)
    of_labels = float(cross_entropy(make_targets(tf.constant(LABELS), 4, 0.1), tf.constant(LOGITS)))
    for weight in (0.5, 2.0):
        loss, _ = _loss_and_gradient("alpha_divergence", teacher, weight)
        expected = of_labels + weight * _adaptive(LOGITS, (-1.0, 1.0), 5.0).mean()
        assert loss == pytest.approx(expected, rel=1e-5)


def test_without_a_teacher_both_losses_are_the_labels_cross_entropy() -> None:
    loss, gradient = _loss_and_gradient("cross_entropy", None, 1.0)
    assert np.isfinite(gradient).all()
    other_loss, other_gradient = _loss_and_gradient("alpha_divergence", None, 1.0)
    assert other_loss == pytest.approx(loss, rel=1e-6)
    np.testing.assert_allclose(other_gradient, gradient, rtol=1e-5, atol=1e-7)


def test_the_two_losses_differ_by_the_teacher_s_entropy_where_alpha_is_1() -> None:
    loss = AlphaDivergence(alphas=(1.0, 1.0))
    labels, teacher = tf.constant(LABELS), tf.constant(TEACHER, tf.float32)
    targets = loss.make_targets(labels, 4, 0.1, teacher_logits=teacher, distillation_weight=1.0)
    expected, _ = _loss_and_gradient("cross_entropy", teacher, 1.0)
    entropies = [-(_softmax(row) * np.log(_softmax(row))).sum() for row in TEACHER]
    assert float(loss(targets, tf.constant(LOGITS, tf.float32))) == pytest.approx(
        expected - np.mean(entropies), rel=1e-5
    )


def test_an_alpha_of_0_is_refused() -> None:
    with pytest.raises(InputError, match=r"other than 0. Received: alphas=\(0.0, 1.0\)"):
        AlphaDivergence(alphas=(0.0, 1.0))
