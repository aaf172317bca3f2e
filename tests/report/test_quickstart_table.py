"""The table that a quickstart ends with, and what is concluded from it."""

from typing import Any

import pytest

from ofa_tf.report.quickstart_table import ShownKeys, describe_quickstart

KEYS = ShownKeys("int8", "int8_latency_ms", "int8_top1")


def _row(name: str, **facts: Any) -> dict[str, Any]:
    row = {
        "name": name,
        "arch": {"image_size": name},
        "budget_ms": None,
        "int8_latency_ms": 0.5,
        "int8_top1": 0.98,
        "num_test_images": 400,
        "search_seconds": None,
        "train_seconds": None,
        "errors": {},
    }
    return {**row, **facts}


@pytest.fixture
def summary() -> dict[str, Any]:
    return {
        "rows": [
            _row("found_1", budget_ms=0.25, int8_latency_ms=0.24, search_seconds=2.0),
            _row("found_2", budget_ms=0.5, int8_latency_ms=0.5004, search_seconds=4.0),
            _row("largest", int8_latency_ms=1.25, int8_top1=0.99),
            _row("plain_keras", int8_latency_ms=0.3, train_seconds=103.0),
        ],
        "seconds": {"train": 300.0, "accuracy_table": 40.0, "latency_table": 60.0, "search": 16.0},
        "device": {"device": "host"},
    }


def test_each_network_has_a_budget_a_latency_an_accuracy_and_a_cost(summary: dict[str, Any]) -> None:
    lines = describe_quickstart(summary, KEYS).splitlines()
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines[:5]]
    assert cells == [
        ["budget (ms)", "measured (ms)", "accuracy +- standard error", "cost (s)"],
        ["0.250", "0.240", "98.00% +- 0.74", "2.0 to find it"],
        ["0.500", "0.500", "98.00% +- 0.74", "4.0 to find it"],
        ["none: largest subnet", "1.250", "99.00% +- 0.55", "none further"],
        ["none: plain Keras net", "0.300", "98.00% +- 0.74", "103 to train it"],
    ]
    assert lines[5] == "(int8 models, batch 1, one thread, measured on host; top-1 on 400 test images)"


def test_the_budgets_from_which_training_once_is_cheaper_follow_from_the_seconds(summary: dict[str, Any]) -> None:
    told = describe_quickstart(summary, KEYS)
    assert "training once took 300 s, measuring accuracies and this device's latencies 100 s, " in told
    assert "fitting the accuracy predictor 10 s; " in told
    assert "then each budget took 3.0 s." in told
    # With 4 budgets, a plain net for each takes 412 seconds, and training once 422.
    assert "cheaper from 5 budgets on" in told
    summary["seconds"]["train"] = 290.0
    assert "cheaper from 5 budgets on" in describe_quickstart(summary, KEYS)
    summary["seconds"]["train"] = 289.0
    assert "cheaper from 4 budgets on" in describe_quickstart(summary, KEYS)


def test_a_fit_whose_seconds_are_not_known_costs_nothing(summary: dict[str, Any]) -> None:
    del summary["seconds"]["search"]
    told = describe_quickstart(summary, KEYS)
    assert "latencies 100 s; then each" in told
    # With 4 budgets, both ways take 412 seconds.
    assert "cheaper from 5 budgets on" in told
    summary["seconds"] |= {"search": None, "train": 299.0}
    assert "cheaper from 4 budgets on" in describe_quickstart(summary, KEYS)


def test_a_fit_does_not_take_less_than_nothing(summary: dict[str, Any]) -> None:
    summary["seconds"]["search"] = 5.9  # rounded otherwise than the two searches of 6 seconds together
    told = describe_quickstart(summary, KEYS)
    assert "fitting the accuracy predictor 0 s; " in told
    assert "cheaper from 5 budgets on" in told


def test_training_once_does_not_pay_where_a_plain_net_is_quicker_than_a_search(summary: dict[str, Any]) -> None:
    summary["rows"][3]["train_seconds"] = 2.5
    assert "here training once does not pay, however many there are." in describe_quickstart(summary, KEYS)


def test_nothing_is_concluded_from_a_training_whose_seconds_are_not_known(summary: dict[str, Any]) -> None:
    summary["seconds"]["train"] = None
    told = describe_quickstart(summary, KEYS)
    assert "how long the training took is not known" in told
    assert "cheaper" not in told


def test_differences_within_noise_are_called_so_and_others_named(summary: dict[str, Any]) -> None:
    told = describe_quickstart(summary, KEYS)
    # Two standard errors of a difference: 2 * sqrt(2) * 0.74.
    assert "no found subnet differs clearly from the plain Keras net: differences of up to 2.09 points" in told
    summary["rows"][0]["int8_top1"] = 0.9
    summary["rows"][1]["int8_top1"] = 1.0
    told = describe_quickstart(summary, KEYS)
    assert "no found subnet differs" not in told
    assert "that for 0.250 ms is 8.00 points below it; that for 0.500 ms is 2.00 points above it." in told
    summary["rows"][1]["int8_top1"] = 0.985
    assert "that for 0.250 ms is 8.00 points below it." in describe_quickstart(summary, KEYS)


def test_a_latency_above_its_budget_is_told_as_precisely_as_it_is_shown(summary: dict[str, Any]) -> None:
    assert "above the budget" not in describe_quickstart(summary, KEYS)
    summary["rows"][0]["int8_latency_ms"] = 0.275
    told = describe_quickstart(summary, KEYS)
    assert "Measured above the budget that they were found for: 0.250 (by 10.0%)." in told


def test_a_network_that_was_not_shipped_says_why(summary: dict[str, Any]) -> None:
    for number in (0, 3):
        row = summary["rows"][number]
        del row["int8_latency_ms"], row["int8_top1"]
        row["errors"] = {"int8": "top-1 fell.", "float": "not shown"}
    lines = describe_quickstart(summary, KEYS).splitlines()
    assert lines[1].split("  ")[-2:] == ["not shipped, see below", "2.0 to find it"]
    assert "budget 0.250: top-1 fell." in lines
    assert "budget none: plain Keras net: top-1 fell." in lines
    assert "not shown" not in "".join(lines)
    assert "Accuracy:" not in "".join(lines)


def test_a_network_that_was_found_twice_is_told(summary: dict[str, Any]) -> None:
    assert "is that for" not in describe_quickstart(summary, KEYS)
    summary["rows"][1]["arch"] = summary["rows"][0]["arch"]
    told = describe_quickstart(summary, KEYS).splitlines()
    assert "The network for 0.500 ms is that for 0.250 ms: no slower one was clearly more accurate." in told


def test_the_largest_subnet_was_not_found_for_a_budget_though_a_search_may_find_it(summary: dict[str, Any]) -> None:
    by_name = {row["name"]: row for row in summary["rows"]}
    by_name["largest"]["arch"] = by_name["found_2"]["arch"]
    assert "is that for" not in describe_quickstart(summary, KEYS)


def test_measurements_far_from_their_predictions_cast_doubt_on_the_latency_table(summary: dict[str, Any]) -> None:
    for row, predicted_ms in zip(summary["rows"], (0.25, 0.5, 1.0, 1.0), strict=True):
        row["predicted_latency_ms"] = predicted_ms
    assert "Measured far" not in describe_quickstart(summary, KEYS)
    summary["rows"][0]["predicted_latency_ms"] = 0.5
    summary["rows"][1]["predicted_latency_ms"] = 0.4
    told = describe_quickstart(summary, KEYS)
    assert "Measured far from what was predicted: 0.250 (52.0% below), 0.500 (25.1% above). " in told


def test_a_model_with_float_layers_is_not_the_latency_table_s_fault(summary: dict[str, Any]) -> None:
    row = summary["rows"][0]
    row["predicted_latency_ms"] = 0.5 * row["int8_latency_ms"]
    row["float_layers"] = {"int8": 3}
    told = describe_quickstart(summary, KEYS)
    assert "% above), as layers of the model stayed float for the sake of its accuracy (its card" in told
    assert "The computer was slower" not in told


def test_latencies_that_are_not_to_be_trusted_are_said_to_be_doubtful_once(summary: dict[str, Any]) -> None:
    assert "DOUBTFUL" not in describe_quickstart(summary, KEYS)
    for row in summary["rows"]:
        row["doubts"] = {"int8": "it was busy", "float": "not shown"}
    told = describe_quickstart(summary, KEYS)
    assert "\nThe measured latencies are DOUBTFUL: it was busy. On a quiet computer, call it again.\n" in told


def test_a_doubtful_latency_table_casts_doubt_on_budgets(summary: dict[str, Any]) -> None:
    assert "DOUBTFUL" not in describe_quickstart(summary, KEYS)
    summary["latency_model"] = {"doubt": "others were busy"}
    told = describe_quickstart(summary, KEYS)
    assert (
        "Budgets and predicted latencies are DOUBTFUL: others were busy. On a quiet computer, call it again; a table"
        in told
    )


def test_a_predictor_of_no_use_is_told(summary: dict[str, Any]) -> None:
    for rmse, verdict in ((0.0100, "HARDLY BETTER"), (0.0102, "NO BETTER"), (0.0090, None)):
        summary["accuracy_predictor"] = {"rmse": rmse, "spread": 0.0101}
        told = describe_quickstart(summary, KEYS)
        assert ("The accuracy predictor is" in told) == (verdict is not None)
        assert verdict is None or f"is {verdict} than always predicting the mean: among subnets" in told


@pytest.mark.parametrize(("guessed_top1", "is_told"), [(0.97, False), (0.985, True)])
def test_who_is_no_better_than_guessing_concludes_nothing(
    summary: dict[str, Any], guessed_top1: float, is_told: bool
) -> None:
    summary["guessed_top1"] = guessed_top1  # the largest subnet is right in 99%, with an error of 0.55
    told = describe_quickstart(summary, KEYS)
    assert (f"always answering with the most frequent class, {guessed_top1:.1%} of the test images." in told) == is_told
    assert ("Cost: " in told) != is_told


def test_where_the_plain_net_is_as_good_in_both_respects_it_is_said(summary: dict[str, Any]) -> None:
    beaten = "The plain Keras net is no slower and no less accurate here than what was found for 0.500 ms."
    assert beaten in describe_quickstart(summary, KEYS).splitlines()
    summary["rows"][3]["int8_top1"] = 0.975
    assert "no slower and no less" not in describe_quickstart(summary, KEYS)
    summary["rows"][3] |= {"int8_top1": 0.98, "int8_latency_ms": 0.51}
    assert "no slower and no less" not in describe_quickstart(summary, KEYS)
