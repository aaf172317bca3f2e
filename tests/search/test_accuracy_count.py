import math

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_count import AccuracyCount


def test_top1_is_the_share_of_both_halves() -> None:
    assert AccuracyCount((30, 20), (40, 60)).top1 == 0.5


def test_the_standard_error_is_that_of_a_share() -> None:
    measured = AccuracyCount((3500, 3500), (5000, 5000)).standard_error
    assert measured == pytest.approx(math.sqrt(0.7 * 0.3 / 10_000), rel=1e-3)


def test_a_subnet_that_is_always_right_is_not_certain() -> None:
    assert AccuracyCount((10, 10), (10, 10)).standard_error > 0.01


@pytest.mark.parametrize(
    ("num_correct", "num_images"),
    [((3, 5), (4, 4)), ((-1, 2), (4, 4)), ((0, 0), (0, 0)), ((0, 0), (2, -1))],
)
def test_impossible_counts_are_refused(num_correct: tuple[int, int], num_images: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="Expected `num_"):
        AccuracyCount(num_correct, num_images)
