import pytest

from ofa_tf.base.shares import standard_error_of_share
from ofa_tf.data.sources import open_source
from ofa_tf.training.guessing import describe_guessing, share_of_commonest_class
from ofa_tf.training.phases import FINETUNE, PHASES


def test_what_is_as_good_as_guessing_is_said_to_be_with_the_flags_that_may_help() -> None:
    assert describe_guessing(PHASES[0], 32 / 96, 96, 1 / 3) == (
        "after phase full, 33.3% of the validation images are right, not clearly more than by always answering with "
        "the most frequent class (33.3%): it may take more steps (--full_epochs), or another learning rate "
        "(--full_learning_rate)"
    )
    alone = describe_guessing(FINETUNE, 32 / 96, 96, 1 / 3)
    assert alone is not None
    assert "(--epochs), or another learning rate (--learning_rate)" in alone


@pytest.mark.parametrize(("num_right", "is_told"), [(113, True), (117, False)])
def test_two_standard_errors_are_clearly_more(num_right: int, is_told: bool) -> None:
    num_errors = (num_right - 100) / 200 / standard_error_of_share(num_right, 200)
    assert (num_errors < 2) == is_told
    assert 1.5 < num_errors < 2.5
    told = describe_guessing(PHASES[0], num_right / 200, 200, 0.5)
    assert (told is not None) == is_told


def test_the_most_frequent_class_is_that_of_the_split() -> None:
    source = open_source("digits")
    for split in ("validation", "test"):
        counts = [0] * source.num_classes
        for _, label in source.records(split):
            counts[int(label)] += 1
        assert share_of_commonest_class(source, split) == max(counts) / source.num_examples(split) > 0.1
