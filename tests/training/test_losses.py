import numpy as np
import tensorflow as tf

from ofa_tf.training.losses import cross_entropy, make_targets


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def test_the_loss_is_the_sum_of_label_and_distillation_cross_entropy() -> None:
    rng = np.random.default_rng(0)
    logits, teacher = rng.standard_normal((2, 5, 4)).astype(np.float32)
    labels = np.array([0, 3, 1, 1, 2])
    log_probabilities = np.log(_softmax(logits))
    smoothed = np.eye(4)[labels] * 0.9 + 0.1 / 4
    expected = -(smoothed * log_probabilities).sum(-1).mean()
    expected += 0.5 * -(_softmax(teacher) * log_probabilities).sum(-1).mean()

    targets = make_targets(tf.constant(labels), 4, 0.1, tf.constant(teacher), 0.5)

    np.testing.assert_allclose(cross_entropy(targets, tf.constant(logits)), expected, rtol=1e-5)


def test_without_a_teacher_the_targets_are_the_smoothed_labels() -> None:
    targets = make_targets(tf.constant([2]), 4, 0.2)
    np.testing.assert_allclose(targets, [[0.05, 0.05, 0.85, 0.05]], rtol=1e-6)
