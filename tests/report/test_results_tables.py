from typing import Any

import pytest

from ofa_tf.report.results_claims import PairedDifference, describe_claims
from ofa_tf.report.results_plot import results_svg
from ofa_tf.report.results_tables import describe_results


def _network(name: str, top1: float, processor_seconds: float = 0.0, **facts: Any) -> dict[str, Any]:
    return {
        "name": name,
        "model": "found_1",
        "measured_ms": 0.2,
        "num_macs": 5_300_000,
        "top1": top1,
        "standard_error": 0.004,
        "processor_seconds": processor_seconds,
        **facts,
    }


def _budget(budget_ms: float, found: float, alone: float) -> dict[str, Any]:
    plain = {"model": "mobilenet_v2_w0.3", "num_epochs": 16}
    return {
        "budget_ms": budget_ms,
        "networks": [
            _network("found", found),
            _network("fine-tuned", found + 0.01, 60.0, num_epochs=4),
            _network("alone", alone, 300.0, num_epochs=16),
            _network("mobilenet_v2", 0.60, 300.0, **plain),
            _network("mobilenet_v3_small", 0.62, 300.0, **{**plain, "model": "mobilenet_v3_small_w0.5"}),
        ],
    }


def _supernet(random_top1: list[float]) -> dict[str, Any]:
    return {
        "num_epochs": 16,
        "processor_seconds": 3000.0,
        "largest_top1": 0.8,
        "smallest_top1": 0.6,
        "random_top1": random_top1,
    }


def _step(name: str, processor_seconds: float) -> dict[str, Any]:
    return {
        "name": name,
        "command": f"python {name}.py",
        "seconds": processor_seconds / 2,
        "processor_seconds": processor_seconds,
        "cpu": "Some Processor",
        "commit": "abc1234",
    }


@pytest.fixture
def seeds() -> dict[str, Any]:
    return {
        "0": {
            "searched_method": "sandwich",
            "supernets": {
                "progressive_shrinking": _supernet([0.70, 0.74]),
                "sandwich": _supernet([0.75, 0.76]),
                "naive": _supernet([0.69, 0.70]),
            },
            "budgets": [_budget(0.1, found=0.70, alone=0.69), _budget(0.2, found=0.72, alone=0.75)],
            "steps": [
                _step("train_sandwich", 2400),
                _step("accuracy_table", 600),
                _step("latency_table", 120),
                _step("train_naive", 9999),
                _step("search_1", 20),
                _step("search_2", 40),
            ],
        }
    }


@pytest.mark.parametrize(
    ("better", "worse", "mean", "is_clear", "text"),
    [
        ([0.70, 0.80, 0.90], [0.69, 0.78, 0.87], 2.0, False, "+2.0 +- 0.6 points over 3 pairs"),
        ([0.70, 0.80, 0.90] * 2, [0.69, 0.78, 0.87] * 2, 2.0, True, "+2.0 +- 0.4 points over 6 pairs"),
        ([0.70, 0.80, 0.90], [0.69, 0.83, 0.87], 1 / 3, False, "+0.3 +- 1.8 points over 3 pairs"),
        ([0.60, 0.70], [0.70, 0.81], -10.5, True, "-10.5 +- 0.5 points over 2 pairs"),
        ([0.60], [0.50], 10.0, False, "+10.0 points, one pair"),
    ],
)
def test_a_difference_is_clear_by_student_s_t(
    better: list[float], worse: list[float], mean: float, is_clear: bool, text: str
) -> None:
    difference = PairedDifference.of(list(zip(better, worse, strict=True)))
    assert difference.mean == pytest.approx(mean)
    assert difference.is_clear is is_clear
    assert str(difference) == text


def test_each_claim_is_told_with_how_far_it_held(seeds: dict[str, Any]) -> None:
    better, sandwich, as_good, finetuned, v2, v3, one_seed, cost = describe_claims(seeds).splitlines()
    assert better.endswith("(random subnets): undecided, within noise (+2.5 +- 1.5 points over 2 pairs).")
    assert sandwich.endswith("(random subnets): held (+6.0 +- 0.0 points over 2 pairs).")
    assert as_good.endswith("trained alone: not refuted, within noise (-1.0 +- 2.0 points over 2 pairs).")
    assert finetuned.endswith("without one: undecided, within noise (+0.0 +- 2.0 points over 2 pairs).")
    assert v2.endswith("same latency budget: undecided, within noise (+11.0 +- 1.0 points over 2 pairs).")
    assert "MobileNetV3-Small" in v3
    assert "another seed may differ" in one_seed
    assert "50.0 processor minutes once" in cost
    assert "2.0 for the latency table of each device, and 0.5 for each budget, with fine-tuning 1.5" in cost
    assert "a given network alone takes 5.0 for each" in cost
    # 52 minutes once: 52 / (5 - 0.5) is 11.6, and 52 / (5 - 1.5) 14.9.
    assert cost.endswith("as found cost less from 12 budgets on; fine-tuned ones from 15 budgets on.")


def test_a_claim_that_failed_is_said_to_have_failed(seeds: dict[str, Any]) -> None:
    seeds["0"]["supernets"]["progressive_shrinking"] = _supernet([0.60, 0.61])
    for budget in seeds["0"]["budgets"]:
        budget["networks"][2]["top1"] = budget["networks"][0]["top1"] + 0.05
        budget["networks"][2]["processor_seconds"] = 10.0
    better, _, as_good, *_, cost = describe_claims(seeds).splitlines()
    assert "NOT held (-9.0" in better
    assert "NOT held (-5.0" in as_good
    assert "as found cost less for no number of budgets: NOT held" in cost


def test_of_several_seeds_each_is_one_pair_of_means(seeds: dict[str, Any]) -> None:
    other = {
        **seeds["0"],
        "supernets": {**seeds["0"]["supernets"], "naive": _supernet([0.66, 0.67])},
        "budgets": [_budget(0.1, found=0.70, alone=0.70), _budget(0.2, found=0.72, alone=0.74)],
    }
    better, _, as_good, *rest = describe_claims({**seeds, "1": other}).splitlines()
    assert "(+4.0 +- 1.5 points over 2 pairs)" in better
    assert as_good.endswith("(-1.0 +- 0.0 points over 2 pairs).")
    assert not any("another seed may differ" in line for line in rest)


def test_a_budget_that_a_published_network_cannot_keep_to_is_no_pair(seeds: dict[str, Any]) -> None:
    narrow, wide = seeds["0"]["budgets"]
    narrow["networks"] = [network for network in narrow["networks"] if network["name"] != "mobilenet_v2"]
    line = describe_claims(seeds).splitlines()[4]
    assert line.endswith(
        "MobileNetV2 within the same latency budget: undecided, for want of pairs (+12.0 points, one pair)."
    )
    wide["networks"] = [network for network in wide["networks"] if network["name"] != "mobilenet_v2"]
    assert describe_claims(seeds).splitlines()[4].endswith("undecided: no pair to compare.")
    assert results_svg(seeds, "A title").count("<title>") == 8


def test_the_cost_is_that_of_the_supernet_that_was_searched(seeds: dict[str, Any]) -> None:
    seeds["0"]["searched_method"] = "naive"
    once = (9999 + 600) / 60
    assert f"{once:.1f} processor minutes once" in describe_claims(seeds)


def test_tables_have_a_row_for_each_supernet_and_network(seeds: dict[str, Any]) -> None:
    lines = describe_results(seeds).splitlines()
    assert "| progressive_shrinking | 0 | 16 | 50.0 | 80.0% | 60.0% | 70.0% | 72.0% | 74.0% |" in lines
    assert "| 0.100 | 0 | found | 0.200 | 5.3 | 70.0% +- 0.4 | 0 | 0.0 |" in lines
    assert "| 0.200 | 0 | alone | 0.200 | 5.3 | 75.0% +- 0.4 | 16 | 5.0 |" in lines
    assert sum("mobilenet_v3_small_w0.5" in line for line in lines) == 2


def test_every_step_is_listed_with_its_command_time_machine_and_commit(seeds: dict[str, Any]) -> None:
    lines = describe_results(seeds).splitlines()
    assert "Seed 0: 6 steps, 1.8 hours, 3.7 processor hours, on Some Processor." in lines
    assert "| accuracy_table | 5.0 | 10.0 | abc1234 | `python accuracy_table.py` |" in lines


def test_the_picture_has_a_point_for_each_network(seeds: dict[str, Any]) -> None:
    picture = results_svg(seeds, "A title")
    assert picture.count("<title>") == 10
    assert "found in the supernet: 72.0% +- 0.4 at 0.200 ms" in picture
    assert "A title" in picture
    assert "One seed" in picture


def test_in_the_picture_seeds_are_one_point_with_their_standard_error(seeds: dict[str, Any]) -> None:
    other = {**seeds["0"], "budgets": [_budget(0.1, found=0.72, alone=0.69), _budget(0.2, found=0.76, alone=0.75)]}
    picture = results_svg({**seeds, "1": other}, "A title")
    assert picture.count("<title>") == 10
    assert "found in the supernet: 71.0% +- 1.0 at 0.200 ms" in picture
    assert "Means of 2 seeds" in picture
