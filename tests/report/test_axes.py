import numpy as np
import pytest

from ofa_tf.report.axes import Axis, tick_text


def test_a_padded_axis_has_room_on_both_sides_and_round_ticks_inside() -> None:
    axis = Axis.padded(3.0, 23.0)
    assert (axis.low, axis.high) == (2.0, 24.0)
    assert axis.ticks == (5.0, 10.0, 15.0, 20.0)
    assert [axis.share(value) for value in (2, 13, 24)] == [0.0, 0.5, 1.0]
    assert axis.contains(2.0)
    assert not axis.contains(24.1)


def test_a_padded_axis_ends_where_values_are_impossible() -> None:
    axis = Axis.padded(0.5, 99.5, least=0.0, most=100.0)
    assert (axis.low, axis.high) == (0.0, 100.0)
    assert (axis.ticks[0], axis.ticks[-1]) == (0.0, 100.0)


@pytest.mark.parametrize("low", [0.004, 1.0, 37.0])
def test_costs_are_on_a_logarithmic_axis_if_they_span_more_than_a_decade(low: float) -> None:
    assert not Axis.of_costs(low, 10 * low).is_logarithmic
    axis = Axis.of_costs(low, 11 * low)
    assert axis.is_logarithmic
    # Equal ratios are equal distances.
    np.testing.assert_allclose(axis.share(2 * low) - axis.share(low), axis.share(8 * low) - axis.share(4 * low))
    assert 0 < axis.share(low) < 0.1
    assert 0.9 < axis.share(11 * low) < 1


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (3.0, 40.0, (5, 10, 20)),
        (0.9, 120.0, (1, 2, 5, 10, 20, 50, 100)),
        (0.9, 120_000.0, (1, 10, 100, 1000, 10_000, 100_000)),
        (1.0, 1e12, (0.1, 10, 1e3, 1e5, 1e7, 1e9, 1e11)),
    ],
)
def test_ticks_of_a_logarithmic_axis_are_few_and_round(low: float, high: float, ticks: tuple[float, ...]) -> None:
    np.testing.assert_allclose(Axis.of_costs(low, high).ticks, ticks)


@pytest.mark.parametrize("value", [0.003, 12.3, 4e9])
def test_a_single_cost_is_in_the_middle(value: float) -> None:
    axis = Axis.of_costs(value, value)
    np.testing.assert_allclose(axis.share(value), 0.5)
    assert axis.low > 0
    assert len(axis.ticks) >= 3


def test_labels_of_ticks_have_no_digits_of_rounding() -> None:
    assert [tick_text(tick) for tick in (3 * 0.1, 1500.0, 99.75, 2e6)] == ["0.3", "1,500", "99.75", "2,000,000"]
