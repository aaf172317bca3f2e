import numpy as np
import pytest

from ofa_tf.search.distinct_rows import find_distinct


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_each_different_row_is_found_where_it_is_first(dtype: type) -> None:
    rows = np.random.default_rng(0).integers(-1, 2, size=(200, 4), dtype=dtype)
    _, first = np.unique(rows, axis=0, return_index=True)
    assert 10 < len(first) < 82
    np.testing.assert_array_equal(find_distinct(rows), np.sort(first))


def test_columns_of_a_larger_array_are_compared_alone() -> None:
    rows = np.array([[1, 2, 3], [1, 2, 4], [2, 2, 3]], np.int32)
    np.testing.assert_array_equal(find_distinct(rows[:, :2]), [0, 2])
    assert len(find_distinct(rows[:0])) == 0
