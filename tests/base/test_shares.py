import math

import pytest

from ofa_tf.base.shares import standard_error_of_share


@pytest.mark.parametrize(("num_hits", "num_trials"), [(359, 359), (180, 359), (0, 3)])
def test_the_error_counts_one_trial_more_of_either_kind(num_hits: int, num_trials: int) -> None:
    share = (num_hits + 1) / (num_trials + 2)
    expected = math.sqrt(share * (1 - share) / num_trials)
    assert standard_error_of_share(num_hits, num_trials) == pytest.approx(expected)
    assert standard_error_of_share(num_hits, num_trials) > 0
