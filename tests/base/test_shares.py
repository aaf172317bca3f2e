import math

import pytest

from ofa_tf.base.shares import is_clearly_above, standard_error_of_share


@pytest.mark.parametrize(("num_hits", "num_trials"), [(359, 359), (180, 359), (0, 3)])
def test_the_error_counts_one_trial_more_of_either_kind(num_hits: int, num_trials: int) -> None:
    share = (num_hits + 1) / (num_trials + 2)
    expected = math.sqrt(share * (1 - share) / num_trials)
    assert standard_error_of_share(num_hits, num_trials) == pytest.approx(expected)
    assert standard_error_of_share(num_hits, num_trials) > 0


def test_a_share_is_clearly_above_what_is_two_errors_below_it() -> None:
    error = standard_error_of_share(70, 100)
    assert is_clearly_above(0.7, 100, 0.7 - 2 * error - 1e-9)
    assert not is_clearly_above(0.7, 100, 0.7 - 2 * error + 1e-9)
    assert not is_clearly_above(0.7, 100, 0.8)
