from ofa_tf.report.summary import format_table, list_missed_budgets

FOUND = {
    "name": "found_1",
    "image_size": 24,
    "budget_ms": 0.2,
    "latency_ms": 0.21,
    "num_macs": 3563304,
    "float_top1": 1,
}
LARGEST = {"name": "largest", "image_size": 40, "budget_ms": None, "latency_ms": 1.1879, "num_macs": 22975232}


def test_rows_become_columns_with_a_dash_for_what_is_missing() -> None:
    header, found, largest = (line.split() for line in format_table([FOUND, LARGEST]).splitlines())
    assert header[:5] == ["network", "px", "budget_ms", "predicted_ms", "measured_ms"]
    assert found == ["found_1", "24", "0.200", "-", "0.210", "-", "3,563,304", "-", "-", "100.00%", "-"]
    assert largest == ["largest", "40", "-", "-", "1.188", "-", "22,975,232", *["-"] * 4]


def test_networks_that_were_measured_above_their_budget_are_listed() -> None:
    within = {**FOUND, "name": "found_2", "latency_ms": 0.2004}  # which the table shows as 0.200
    assert list_missed_budgets([FOUND, within, LARGEST]) == ["found_1 (+5.0%)"]
