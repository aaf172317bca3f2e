from typing import Any

import pytest

from ofa_tf.report.bill import break_even, describe_comparison, processor_seconds


def _row(find: float, train: float, top1: float = 0.9, num_archs: int | None = None) -> dict[str, Any]:
    return {
        "budget_ms": 0.2,
        "predicted_ms": 0.19,
        "measured_ms": 0.195,
        "find_processor_seconds": find,
        "train_processor_seconds": train,
        "num_archs": num_archs,
        "arch": {"image_size": 32},
        "top1": top1,
        "standard_error": 0.01,
        "num_images": 900,
    }


def _seed(once: float, find: float, train: float, top1: float = 0.9) -> dict[str, Any]:
    return {
        "methods": {
            "once_for_all": {"once_processor_seconds": once, "budgets": [_row(10, 0), _row(20, 0)]},
            "sampled": {"once_processor_seconds": 0.0, "budgets": [_row(find, train, top1), _row(find, train, top1)]},
        },
        "steps": [],
    }


def test_what_is_done_once_is_paid_once_and_the_rest_for_each_budget() -> None:
    seeds = {"0": _seed(1000, 300, 100), "1": _seed(2000, 500, 100)}
    assert processor_seconds(seeds, "once_for_all", 1) == pytest.approx(1500 + 15)
    assert processor_seconds(seeds, "once_for_all", 8) == pytest.approx(1500 + 8 * 15)
    assert processor_seconds(seeds, "sampled", 4) == pytest.approx(4 * 500)


@pytest.mark.parametrize("once", [0.0, 100.0, 384.9, 385.0, 385.1, 1500.0, 3850.0])
def test_training_once_takes_less_from_the_break_even_on(once: float) -> None:
    """Against a count of budgets, one by one."""
    seeds = {"0": _seed(once, 300, 100)}
    num_budgets = 1
    while processor_seconds(seeds, "once_for_all", num_budgets) >= processor_seconds(seeds, "sampled", num_budgets):
        num_budgets += 1
    assert break_even(seeds, "sampled") == num_budgets


def test_a_method_whose_budgets_cost_no_more_than_a_search_is_never_dearer() -> None:
    seeds = {"0": _seed(1000, 10, 5)}
    assert break_even(seeds, "sampled") is None
    assert "never takes less than sampled" in describe_comparison(seeds)


def test_the_tables_tell_hours_accuracies_and_what_was_published() -> None:
    text = describe_comparison({"0": _seed(3600, 1800, 1800)})
    assert "| once_for_all | 1.004 | 1.008 | 1.017 | 1.033 | 1.000 | 0.004 | 0.000 |" in text
    assert "| sampled | 1.000 | 2.000 | 4.000 | 8.000 | 0.000 | 0.500 | 0.500 |" in text
    assert "less processor time than sampled from 2 budgets on" in text
    assert "| 0.200 | sampled | 0.190 | 0.195 | 90.0% +- 1.0 | 32 |  |" in text
    assert "One seed" in text
    for figures in ("| 76.0% | 58 ms, Pixel 1 |", "| 74.96% | 79 ms, Pixel 1 |", "| 97.00% |  |"):
        assert figures in text
    assert "takes less processor time than sampled from 1 budget on." in describe_comparison({"0": _seed(1, 30, 10)})


def test_errors_are_those_over_seeds_where_there_are_several() -> None:
    text = describe_comparison({"0": _seed(1, 1, 1, top1=0.90), "1": _seed(1, 1, 1, top1=0.94)})
    assert "92.0% +- 2.0" in text
    assert "over 2 seeds" in text
