from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.training.guessing import describe_guessing


def test_what_is_as_good_as_guessing_is_said_to_be() -> None:
    told = describe_guessing("full", AccuracyCount((16, 16), (48, 48)), 3)
    assert told is not None
    assert told.startswith("after phase full, 33.3% of the validation images are right, not clearly more than by ")
    assert "guessing (33.3%)" in told


def test_a_little_more_on_few_images_may_be_chance_and_on_many_is_not() -> None:
    assert describe_guessing("full", AccuracyCount((4, 0), (10, 0)), 3) is not None
    assert describe_guessing("full", AccuracyCount((400, 0), (1000, 0)), 3) is None
