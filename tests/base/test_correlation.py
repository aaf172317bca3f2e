import subprocess
import sys

import numpy as np
import pytest

from ofa_tf.base.correlation import rank_correlation


def _slow_ranks(values: np.ndarray) -> np.ndarray:
    """One more than the number of smaller values, and half a rank for each other equal one."""
    return np.array([(values < value).sum() + ((values == value).sum() + 1) / 2 for value in values])


def test_it_is_the_correlation_of_the_ranks_and_equal_values_share_theirs() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        first = rng.integers(0, 6, 20).astype(float)
        second = first + rng.integers(0, 6, 20)
        expected = np.corrcoef(_slow_ranks(first), _slow_ranks(second))[0, 1]
        assert rank_correlation(first, second) == pytest.approx(expected, abs=1e-12)


def test_only_the_order_matters() -> None:
    assert rank_correlation([1, 2, 3], [0.1, 20, 3000]) == pytest.approx(1)
    assert rank_correlation([3, 2, 1], [0.1, 20, 3000]) == pytest.approx(-1)
    assert rank_correlation(np.array([1, 2, 2, 3]), np.array([1, 2, 3, 4])) == pytest.approx(0.9486833)


@pytest.mark.parametrize(
    ("first", "second"),
    [([], []), ([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [1, 1, 1])],
)
def test_it_is_not_defined_for_few_or_equal_values(first: list[float], second: list[float]) -> None:
    assert rank_correlation(first, second) is None


def test_importing_a_latency_model_does_not_load_scipy() -> None:
    program = "import sys, ofa_tf.latency.latency_model; sys.exit('scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
