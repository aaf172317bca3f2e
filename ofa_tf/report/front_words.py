"""What a front is called, wherever it is told of: in its table, its picture and beside a bar of progress."""

from collections.abc import Collection

from ofa_tf.base.counts import count_in_words
from ofa_tf.search.front.measured_front import Front, StopReason

_STOP_REASONS = {
    StopReason.ALL_MEASURED: "as many as were allowed",
    StopReason.NO_GAIN: "the front no longer grew",
    StopReason.NOTHING_NEW: "all that was proposed is measured",
    StopReason.KEPT_NOT_NEEDED: "the others were kept for subnets whose accuracies were computed, and not needed",
}


def front_in_words(front: Front, limited: Collection[str]) -> str:
    """How many of which subnets are a front, such as "7 of 18 measured subnets within the limits".

    Args:
        front: The front.
        limited: Names of the costs that are limited.
    """
    words = f"{len(front.best)} of {count_in_words(len(front.points), 'measured subnet')}"
    if limited:
        words += " within the limits"
    return words


def stop_reason_in_words(stop_reason: StopReason) -> str:
    """Why a search measured no more, as it is said behind the number of measurements."""
    return _STOP_REASONS[stop_reason]
