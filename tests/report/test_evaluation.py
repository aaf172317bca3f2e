from ofa_tf.report.evaluation import EvaluationTable

_ROW = {
    "name": "max",
    "image_size": 224,
    "num_macs": 595_000_000,
    "size_bytes": 36_543_210.0,
    "latency_ms": 12.3456,
    "top1": 0.8,
    "standard_error": 0.004,
    "num_images": 10_000,
}


def test_columns_are_aligned_and_latencies_shown_where_there_are_any() -> None:
    table = EvaluationTable(["max", "a_long_name"], has_latency=True)
    lines = [table.heading(), table.line(_ROW), table.line({**_ROW, "name": "a_long_name", "num_images": 7})]
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split() == ["max", "224", "595,000,000", "36,543,210", "12.346", "80.00%", "0.40", "10,000"]
    without = EvaluationTable(["max"], has_latency=False)
    assert "predicted_ms" not in without.heading()
    assert without.line({**_ROW, "latency_ms": None}).split()[4:] == ["80.00%", "0.40", "10,000"]
