import pytest

from ofa_tf.report import cost_unit
from ofa_tf.report.cost_limit import CostLimit
from ofa_tf.report.cost_unit import CostUnit
from ofa_tf.search import constraint_kinds
from ofa_tf.search.constraint_kinds import CONSTRAINT_KINDS, ConstraintKind


@pytest.mark.parametrize(
    ("cost", "values", "label", "described"),
    [
        ("latency_ms", [0.0735, 0.01], "predicted latency, ms", "0.0735 ms"),
        ("latency_ms", [2000.0], "predicted latency, ms", "2,000 ms"),
        ("macs", [595e6, 200e6], "multiply-accumulates, millions", "595 millions"),
        ("macs", [1.5e9, 3e6], "multiply-accumulates, billions", "1.5 billions"),
        ("size_bytes", [999_000.0], "file size, kB", "999 kB"),
        ("size_bytes", [4_000_000.0, 1000.0], "file size, MB", "4 MB"),
        ("size_bytes", [12.0], "file size, bytes", "12 bytes"),
        ("peak_ram_bytes", [75_000.0], "memory, kB", "75 kB"),
        ("macs", [12.0], "multiply-accumulates, thousands", "0.012 thousands"),
    ],
)
def test_a_cost_is_told_in_words_in_the_largest_unit_that_is_reached(
    cost: str, values: list[float], label: str, described: str
) -> None:
    unit = CostUnit.fitting(cost, values)
    assert unit.label == label
    assert unit.describe(values[0]) == described


def test_every_kind_of_cost_has_words() -> None:
    assert all(kind.words and kind.units for kind in map(CONSTRAINT_KINDS.__getitem__, CONSTRAINT_KINDS))


def test_the_cost_of_a_plugin_without_words_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {"num_blocks": ConstraintKind("Most blocks.", lambda context: None)}
    for module in (constraint_kinds, cost_unit):
        monkeypatch.setattr(module, "CONSTRAINT_KINDS", kinds)
    unit = CostUnit.fitting("num_blocks", [17.0])
    assert unit.label == "num_blocks"
    assert unit.describe(12) == "12"


def test_a_limit_is_told_with_its_margin() -> None:
    unit = CostUnit.fitting("latency_ms", [1.0])
    assert CostLimit(0.5).describe(unit) == "0.5 ms"
    assert CostLimit(0.12346).describe(unit) == "0.12346 ms"
    assert CostLimit(1234567.5).describe(unit) == "1,234,567.5 ms"
    assert CostLimit(0.5, 0.08).describe(unit) == "0.5 ms (with a margin of 8.0%)"
