"""How many threads NumPy and SciPy compute with."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def one_thread_of_linear_algebra() -> Iterator[None]:
    """While it lasts, NumPy's and SciPy's linear algebra runs in one thread; also a decorator.

    For many products and decompositions of small matrices. Their threads wait for each other more than they compute,
    and where something else keeps a processor busy they wait for that, too: a predictor of 300 archs takes twenty times
    as long to fit then.
    """
    # Only libraries that are loaded can be told.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield
