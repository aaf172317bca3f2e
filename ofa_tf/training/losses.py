"""Training targets, the loss against them, and how many predictions are right."""

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
    one_hot = tf.one_hot(labels, num_classes)
    targets = one_hot * (1 - label_smoothing) + label_smoothing / num_classes
    if teacher_logits is None:
        return targets
    teacher_probabilities = tf.nn.softmax(tf.cast(teacher_logits, tf.float32))
    return targets + distillation_weight * teacher_probabilities


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


def cross_entropies(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Cross entropy of each row of `logits` against its label.

    Args:
        labels: int `(batch,)`; -1 for a row of no class, whose cross entropy is 0.
        logits: float `(batch, num_classes)`.

    Returns:
        float32 `(batch,)`.
    """
    log_probabilities = tf.nn.log_softmax(tf.cast(logits, tf.float32))
    targets = tf.one_hot(labels, tf.shape(logits)[-1])
    return -tf.reduce_sum(targets * log_probabilities, axis=-1)


def count_correct(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """How many rows of `logits` have their largest entry at the label.

    Args:
        labels: int `(batch,)`.
        logits: float `(batch, num_classes)`.

    Returns:
        int32 scalar.
    """
    return tf.reduce_sum(tf.cast(find_correct(labels, logits), tf.int32))


def find_correct(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Which rows of `logits` have their largest entry at the label.

    Args:
        labels: int `(batch,)`.
        logits: float `(batch, num_classes)`.

    Returns:
        bool `(batch,)`.
    """
    predicted = tf.argmax(logits, axis=-1, output_type=tf.int32)
    return predicted == tf.cast(labels, tf.int32)
