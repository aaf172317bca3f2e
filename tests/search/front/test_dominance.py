import hypothesis
import hypothesis.extra.numpy
import hypothesis.strategies
import moocore
import numpy as np
import pytest

from ofa_tf.search.front.dominance import crowding_distances, find_front, hypervolume, rank_by_dominance

# Few different numbers, so that many points are equal in some objective or in all.
POINTS = hypothesis.extra.numpy.arrays(
    np.float64,
    hypothesis.strategies.tuples(hypothesis.strategies.integers(1, 25), hypothesis.strategies.integers(2, 3)),
    elements=hypothesis.strategies.integers(0, 5).map(float),
)


def dominates(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(np.all(first <= second) and np.any(first < second))


def rank_slowly(values: np.ndarray) -> list[int]:
    ranks = [-1] * len(values)
    rank = 0
    while -1 in ranks:
        left = [index for index, known in enumerate(ranks) if known == -1]
        for index in left:
            if not any(dominates(values[other], values[index]) for other in left):
                ranks[index] = -2
        ranks = [rank if known == -2 else known for known in ranks]
        rank += 1
    return ranks


@hypothesis.given(POINTS)
def test_ranks_are_those_of_peeling_off_front_after_front(values: np.ndarray) -> None:
    assert rank_by_dominance(values).tolist() == rank_slowly(values)


@hypothesis.given(POINTS)
def test_the_front_has_each_point_once_that_none_dominates(values: np.ndarray) -> None:
    expected = []
    for index, point in enumerate(values):
        is_dominated = any(dominates(other, point) for other in values)
        is_repeated = any(np.array_equal(other, point) for other in values[:index])
        if not is_dominated and not is_repeated:
            expected.append(index)
    assert find_front(values).tolist() == expected


def test_large_sets_have_the_ranks_that_fronts_of_fronts_give() -> None:
    values = np.random.default_rng(0).random((300, 3))
    ranks = rank_by_dominance(values)
    for rank in range(ranks.max() + 1):
        left = values[ranks >= rank]
        np.testing.assert_array_equal(moocore.is_nondominated(left), ranks[ranks >= rank] == rank)


def test_crowding_distances_by_hand() -> None:
    # Front 0 has extents of 10 and 100; front 1 has two points, both of them ends.
    values = np.array([[4.0, 40.0], [0.0, 100.0], [12.0, 60.0], [1.0, 80.0], [10.0, 0.0], [6.0, 90.0]])
    ranks = np.array([0, 0, 1, 0, 0, 1])
    first = (10 - 1) / 10 + (80 - 0) / 100
    fourth = (4 - 0) / 10 + (100 - 40) / 100
    expected = [first, np.inf, np.inf, fourth, np.inf, np.inf]
    np.testing.assert_allclose(crowding_distances(values, ranks), expected)


def test_points_that_are_equal_in_an_objective_are_not_divided_by_its_extent() -> None:
    values = np.array([[0.0, 7.0], [1.0, 7.0], [3.0, 7.0], [4.0, 7.0]])
    distances = crowding_distances(values, np.zeros(4, int))
    assert not np.isnan(distances).any()
    assert crowding_distances(values[:0], np.zeros(0, int)).shape == (0,)


def test_hypervolume_by_hand() -> None:
    # Two rectangles up to (5, 5): 4 x 1 and 2 x 3, of which 2 x 1 is in both.
    values = np.array([[1.0, 4.0], [3.0, 2.0]])
    reference = np.array([5.0, 5.0])
    assert hypervolume(values, reference) == pytest.approx(4 + 6 - 2)
    assert hypervolume(values[:0], reference) == 0


def test_points_beyond_the_reference_or_dominated_count_nothing() -> None:
    values = np.array([[1.0, 4.0], [3.0, 2.0]])
    others = np.array([[0.0, 6.0], [7.0, 0.0], [4.0, 4.0], [5.0, 1.0]])
    reference = np.array([5.0, 5.0])
    assert hypervolume(np.concatenate([others, values]), reference) == pytest.approx(8)
    assert hypervolume(others[:2], reference) == 0


def test_hypervolume_of_three_objectives_by_hand() -> None:
    values = np.array([[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    assert hypervolume(values, np.array([2.0, 2.0, 2.0])) == pytest.approx(4 + 2 - 1)
