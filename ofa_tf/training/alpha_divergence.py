"""The adaptive alpha-divergence between a teacher's probabilities and a subnet's."""

import tensorflow as tf


def adaptive_alpha_divergence(
    teacher_log_probabilities: tf.Tensor,
    logits: tf.Tensor,
    alphas: tuple[float, float] = (-1.0, 1.0),
    largest_ratio: float = 5.0,
) -> tf.Tensor:
    """The larger of two alpha-divergences, for each image.

    Between probabilities p of the teacher and q of the subnet, with the ratio r = p / q,

        D_alpha = sum q (r^alpha - 1) / (alpha (alpha - 1)),   D_1 = sum p log r,

    and the gradient is that of a cross entropy against q r^alpha / alpha:

        dD_alpha = -sum (q r^alpha / alpha) dlog q.

    A negative alpha punishes a subnet that is sure where the teacher is not, a positive one a
    subnet that misses what the teacher thinks likely (cross entropy does this alone). For a
    negative alpha r^alpha has no bound, so that one image can outweigh a batch: it is cut to
    `largest_ratio`, in the divergence and in the gradient, which then is no longer that of the
    divergence. D_1, whose gradient is bounded, is left as it is.

    Args:
        teacher_log_probabilities: float32 `(batch, num_classes)`; a constant.
        logits: Of the subnet, float `(batch, num_classes)`.
        alphas: The two alphas, neither of them 0.
        largest_ratio: Largest r^alpha that counts ("beta" in the paper).

    Returns:
        float32 `(batch,)`.

    Reference: AlphaNet, Wang et al., ICML 2021 (arXiv 2102.07954), and its released code (alpha -1 and 1, "iw_clip" 5).
    """
    log_probabilities = tf.nn.log_softmax(tf.cast(logits, tf.float32))
    divergences = []
    for alpha in alphas:
        divergences.append(_divergence(teacher_log_probabilities, log_probabilities, alpha, largest_ratio))
    return tf.maximum(*divergences)


def _divergence(
    teacher_log_probabilities: tf.Tensor,
    log_probabilities: tf.Tensor,
    alpha: float,
    largest_ratio: float,
) -> tf.Tensor:
    """The divergence of one alpha, `(batch,)`, with the gradient of its bounded form."""
    # Neither depends on the weights as far as the gradient is concerned: that is given by its formula.
    log_q = tf.stop_gradient(log_probabilities)
    log_ratio = tf.stop_gradient(teacher_log_probabilities) - log_q
    q = tf.exp(log_q)
    if alpha == 1:
        factor = tf.exp(teacher_log_probabilities)
        terms = factor * log_ratio
    else:
        power = tf.minimum(tf.exp(alpha * log_ratio), largest_ratio)
        factor = q * power / alpha
        terms = q * (power - 1) / (alpha * (alpha - 1))
    value = tf.reduce_sum(terms, axis=-1)
    with_gradient = -tf.reduce_sum(factor * log_probabilities, axis=-1)
    return with_gradient + tf.stop_gradient(value - with_gradient)
