import hypothesis
import hypothesis.strategies as st
import pytest

from ofa_tf.space.blocks.rounding import make_divisible, multiply_width, out_size


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.1, 8), (8, 8), (11, 16), (12, 16), (16, 16), (17, 16), (19.2, 24), (20, 24), (28.8, 32), (134.4, 136)],
)
def test_make_divisible_rounds_to_the_nearest_multiple_of_8(value: float, expected: int) -> None:
    assert make_divisible(value) == expected


@hypothesis.given(st.floats(0.01, 1e5), st.sampled_from([1, 4, 8, 16]))
def test_make_divisible_is_the_nearest_multiple_unless_that_is_below_90_percent(value: float, divisor: int) -> None:
    result = make_divisible(value, divisor)

    multiples = [divisor * factor for factor in range(1, int(value / divisor) + 3)]
    nearest = min(multiples, key=lambda multiple: (abs(multiple - value), -multiple))
    expected = nearest if nearest >= 0.9 * value else min(m for m in multiples if m >= 0.9 * value)
    assert result == expected


def test_make_divisible_never_falls_as_the_value_rises() -> None:
    results = [make_divisible(value / 10) for value in range(1, 4000)]
    assert results == sorted(results)


@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_out_size_counts_the_positions_of_a_symmetrically_padded_kernel(kernel_size: int, stride: int) -> None:
    for size in range(1, 30):
        padded = size + 2 * (kernel_size // 2)
        assert out_size(size, stride) == len(range(0, padded - kernel_size + 1, stride))


def test_widths_are_multiplied_one_by_one() -> None:
    assert multiply_width(64, (0.65, 0.8, 1.0)) == (40, 48, 64)
    assert multiply_width(64, ()) == ()
