"""A small supernet whose weights are all different from their initial values."""

import pytest

from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.space.search_space import SearchSpace
from tests.support.networks import randomize, two_stage_space

NUM_CLASSES = 7


@pytest.fixture(scope="session")
def space() -> SearchSpace:
    return two_stage_space()


@pytest.fixture(scope="session")
def shared_supernet(space: SearchSpace) -> Supernet:
    """For tests that leave it as it is."""
    return randomize(build_supernet(space, NUM_CLASSES, seed=0))


@pytest.fixture
def supernet(shared_supernet: Supernet) -> Supernet:
    """For tests that change it."""
    own = build_supernet(shared_supernet.space, NUM_CLASSES)
    own.set_weights(shared_supernet.get_weights())
    return own
