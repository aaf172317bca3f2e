from ofa_tf.latency.budgets import spread_budgets_ms


def test_budgets_lie_between_the_smallest_and_the_largest_subnet_and_are_rounded_up() -> None:
    assert spread_budgets_ms(0.0641, 0.4605, (0.0, 0.2, 0.4, 0.6, 1.0)) == [0.065, 0.096, 0.142, 0.21, 0.461]


def test_a_budget_of_whole_microseconds_is_not_rounded_up_to_the_next() -> None:
    # 1000 * (0.049 * 3) is a little above 147.
    assert spread_budgets_ms(0.049, 0.441, [0.5]) == [0.147]
