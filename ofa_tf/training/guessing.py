"""What is said of a phase that has taught nothing."""

from ofa_tf.search.accuracy_count import AccuracyCount


def describe_guessing(phase: str, count: AccuracyCount, num_classes: int) -> str | None:
    """A line for a network that is not clearly better than guessing; `None` for one that is.

    Args:
        phase: Name of the phase that has ended.
        count: What its largest network gets right of the validation images.
        num_classes: Of the data set.
    """
    by_guessing = 1 / num_classes
    if count.top1 - count.standard_error > by_guessing:
        return None
    return (
        f"after phase {phase}, {count.top1:.1%} of the validation images are right, not clearly more than by guessing "
        f"({by_guessing:.1%}): it may take more steps (--epochs_scale), or another learning rate"
    )
