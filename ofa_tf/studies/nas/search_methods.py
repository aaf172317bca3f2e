"""The methods that look for a subnet for one latency budget, and train for it. Loads no TensorFlow.

A further one is a function of a `SearchTask` in a file of its own, and a registration at the end of this one.
"""

import dataclasses
from collections.abc import Callable

from ofa_tf.base.registry import Registry
from ofa_tf.studies.nas.search_task import FoundArch, SearchTask


@dataclasses.dataclass(frozen=True)
class SearchMethod:
    """A way to look for a subnet for one latency budget.

    Args:
        find: What does it.
        has_time_limit: Whether it goes on for as long as it may, see `SearchTask.max_processor_seconds`, rather than
            for a number of epochs.
    """

    find: Callable[[SearchTask], FoundArch]
    has_time_limit: bool = False


SEARCH_METHODS: Registry[SearchMethod] = Registry("search method")


# The files of the methods load TensorFlow.


def _find_sampled(task: SearchTask) -> FoundArch:
    from ofa_tf.studies.nas.sampled import find_sampled

    return find_sampled(task)


def _find_relaxed(task: SearchTask) -> FoundArch:
    from ofa_tf.studies.nas.relaxed import find_relaxed

    return find_relaxed(task)


def _find_random(task: SearchTask) -> FoundArch:
    from ofa_tf.studies.nas.random_archs import find_random

    return find_random(task)


SEARCH_METHODS.register("sampled", SearchMethod(_find_sampled))
SEARCH_METHODS.register("relaxed", SearchMethod(_find_relaxed))
SEARCH_METHODS.register("random", SearchMethod(_find_random, has_time_limit=True))
