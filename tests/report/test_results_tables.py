from typing import Any

import pytest

from ofa_tf.report.results_tables import describe_claims, describe_results


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


@pytest.fixture
def seeds() -> dict[str, Any]:
    return {
        "0": {
            "searched_method": "sandwich",
            "supernets": {
                "progressive_shrinking": _supernet([0.70, 0.74]),
                "sandwich": _supernet([0.75, 0.75]),
                "naive": _supernet([0.68, 0.70]),
            },
            "budgets": [_budget(0.1, found=0.70, alone=0.69), _budget(0.2, found=0.72, alone=0.75)],
            "steps": [
                {"name": "train_sandwich", "processor_seconds": 2400.0},
                {"name": "accuracy_table", "processor_seconds": 600.0},
                {"name": "train_naive", "processor_seconds": 9999.0},
            ],
        }
    }


def test_each_claim_is_told_with_how_far_it_held(seeds: dict[str, Any]) -> None:
    claims = describe_claims(seeds)
    assert claims[:3] == [
        "- random subnets: progressive shrinking less naive: +3.0 points (one comparison)",
        "- random subnets: sandwich less naive: +6.0 points (one comparison)",
        "- found subnets: in the supernet less alone: -1.0 +- 2.0 points over 2 pairs, within noise",
    ]
    assert "- found subnets less MobileNetV2: +11.0 +- 1.0 points over 2 pairs" in claims
    assert claims[-1] == (
        "- seed 0: the supernet and its accuracy table took 50 processor minutes, once; a subnet alone 5 for each "
        "budget, as much from 10.0 budgets on"
    )


def test_the_cost_is_that_of_the_supernet_that_was_searched(seeds: dict[str, Any]) -> None:
    seeds["0"]["searched_method"] = "naive"
    once = round((9999 + 600) / 60)
    assert f"took {once} processor minutes" in describe_claims(seeds)[-1]


def test_tables_have_a_row_for_each_supernet_and_network(seeds: dict[str, Any]) -> None:
    lines = describe_results(seeds).splitlines()
    assert "| progressive_shrinking | 0 | 16 | 50 | 80.0% | 60.0% | 70.0% | 72.0% | 74.0% |" in lines
    assert "| 0.100 | 0 | found | 0.200 | 5.3 | 70.0% +- 0.4 | 0 | 0 |" in lines
    assert "| 0.200 | 0 | alone | 0.200 | 5.3 | 75.0% +- 0.4 | 16 | 5 |" in lines
    assert sum("mobilenet_v3_small_w0.5" in line for line in lines) == 2
