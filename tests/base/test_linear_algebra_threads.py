import pytest
import scipy.linalg  # noqa: F401
from threadpoolctl import threadpool_limits

from ofa_tf.base.linear_algebra_threads import one_thread_of_linear_algebra
from tests.support.threads import numbers_of_threads


def test_there_is_one_thread_while_it_lasts_and_as_many_as_before_afterwards() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        with one_thread_of_linear_algebra():
            assert numbers_of_threads() == {1}
        assert numbers_of_threads() == {2}


def test_the_threads_come_back_after_an_error() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        with pytest.raises(KeyError), one_thread_of_linear_algebra():
            raise KeyError
        assert numbers_of_threads() == {2}
