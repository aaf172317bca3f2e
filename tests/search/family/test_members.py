"""The members of a family are the best choice of a front, found without trying all."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ofa_tf.search.family.members import pick_members
from ofa_tf.search.front.dominance import hypervolume

_REFERENCE = np.array([0.9, 0.8])  # some points of a front lie beyond it


def _random_front(seed: int, num_points: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    losses = np.sort(rng.random(num_points))[::-1]
    costs = np.sort(rng.random(num_points))
    return np.stack([losses, costs], axis=1)


@given(seed=st.integers(0, 10_000), num_points=st.integers(1, 9), num_members=st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_no_other_choice_has_a_larger_hypervolume(seed: int, num_points: int, num_members: int) -> None:
    values = _random_front(seed, num_points)
    members = pick_members(values, _REFERENCE, num_members)
    count = min(num_members, num_points)
    others = itertools.combinations(range(num_points), count)
    best = max(hypervolume(values[list(other)], _REFERENCE) for other in others)
    assert len(members) == count
    assert np.all(np.diff(members) > 0)
    assert hypervolume(values[members], _REFERENCE) == pytest.approx(best, abs=1e-12)
