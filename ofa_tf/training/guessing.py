"""What is said of a phase that has taught nothing."""

from collections import Counter

from ofa_tf.base.shares import is_clearly_above
from ofa_tf.data.image_source import ImageSource
from ofa_tf.training.phases import Phase


def share_of_commonest_class(source: ImageSource, split: str) -> float:
    """The share of a split's images that is right if its most frequent class is always the answer."""
    labels = [int(label) for _, label in source.records(split).as_numpy_iterator()]
    ((_, num_images),) = Counter(labels).most_common(1)
    return num_images / len(labels)


def describe_guessing(phase: Phase, top1: float, num_images: int, by_guessing: float) -> str | None:
    """A line for a network that is not clearly better than guessing; `None` for one that is.

    Args:
        phase: What has ended.
        top1: Share of the validation images that its largest network gets right.
        num_images: Validation images.
        by_guessing: Share of them that is right without looking at them, see `share_of_commonest_class`.
    """
    if is_clearly_above(top1, num_images, by_guessing):
        return None
    return (
        f"after phase {phase.name}, {top1:.1%} of the validation images are right, not clearly more than by always "
        f"answering with the most frequent class ({by_guessing:.1%}): it may take more steps ({phase.flag('epochs')}), "
        f"or another learning rate ({phase.flag('learning_rate')})"
    )
