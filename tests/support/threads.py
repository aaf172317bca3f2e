"""Threads that this process computes with."""

from threadpoolctl import threadpool_info


def numbers_of_threads() -> set[int]:
    """With how many threads the loaded libraries of linear algebra compute."""
    libraries = threadpool_info()
    return {library["num_threads"] for library in libraries if library["user_api"] == "blas"}
