"""What a measured latency says of its prediction: far off, above or below, limits are not what they seem."""

from ofa_tf.base.numbers_in_words import share_in_words

# Of a predicted latency: those of a quiet computer are some percent off.
_FAR_OFF = 0.2


def far_off_in_words(predicted_ms: float | None, measured_ms: float | None) -> str | None:
    """By how much a measured latency is above or below its prediction, such as "45.5% below".

    Args:
        predicted_ms: Milliseconds; `None` where there is no prediction.
        measured_ms: Milliseconds; `None` where nothing was measured.

    Returns:
        `None` if the prediction is not far off, or one of both is missing.
    """
    if predicted_ms is None or measured_ms is None:
        return None
    deviation = measured_ms / predicted_ms - 1
    if abs(deviation) <= _FAR_OFF:
        return None
    side = "above" if deviation > 0 else "below"
    return f"{share_in_words(abs(deviation))} {side}"
