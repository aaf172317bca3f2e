"""The methods that look for a subnet for one latency budget, and train for it. Loads no TensorFlow.

A further one is a function of a `SearchTask` in a file of its own, and a line at the end of this one.
"""

from collections.abc import Callable

from ofa_tf.base.registry import Registry
from ofa_tf.studies.nas.search_task import FoundArch, SearchTask

FindArch = Callable[[SearchTask], FoundArch]

SEARCH_METHODS: Registry[FindArch] = Registry("search method")


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


SEARCH_METHODS.register("sampled", _find_sampled)
SEARCH_METHODS.register("relaxed", _find_relaxed)
SEARCH_METHODS.register("random", _find_random)
