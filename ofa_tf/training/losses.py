"""Training targets and the loss against them."""

import tensorflow as tf


def make_targets(
    labels: tf.Tensor,
    num_classes: int,
    label_smoothing: float,
    teacher_logits: tf.Tensor | None = None,
    distillation_weight: float = 0.0,
) -> tf.Tensor:
    """Everything a subnet's prediction is compared with, as one array.

    Cross entropy is linear in its targets, so the sum of the cross entropy
    against the labels and of that against the teacher is one cross entropy
    against the sum of both. All subnets of a step share these targets.

    Args:
        labels: int `(batch,)`.
        num_classes: Number of classes.
        label_smoothing: Share of the label spread over all classes.
        teacher_logits: `(batch, num_classes)`; `None` without a teacher.
        distillation_weight: Weight of the teacher's predictions.

    Returns:
        float32 `(batch, num_classes)`; rows sum to 1 + `distillation_weight`.

    Reference: Once-for-All, section 3.3 (knowledge distillation).
    """
    targets = tf.one_hot(labels, num_classes) * (1 - label_smoothing) + label_smoothing / num_classes
    if teacher_logits is None:
        return targets
    return targets + distillation_weight * tf.nn.softmax(tf.cast(teacher_logits, tf.float32))


def cross_entropy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean cross entropy over a batch; targets need not sum to 1.

    Args:
        targets: float `(batch, num_classes)`.
        logits: float `(batch, num_classes)`.

    Returns:
        float32 scalar.
    """
    log_probabilities = tf.nn.log_softmax(tf.cast(logits, tf.float32))
    return -tf.reduce_mean(tf.reduce_sum(targets * log_probabilities, axis=-1))
