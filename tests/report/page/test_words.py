"""Numbers in the report."""

import pytest

from ofa_tf.report.page import words
from ofa_tf.report.page.contents import Accuracy


def test_numbers_have_units_and_errors() -> None:
    assert words.milliseconds(0.12345) == "0.123 ms"
    assert words.predicted_latency(0.12345, 0.021) == "0.123 ms ± 2.1%"
    assert words.predicted_latency(0.12345, None) == "0.123 ms"
    assert words.accuracy(Accuracy(0.6667, 0.0141)) == "66.67% ± 1.41"
    assert words.accuracy(Accuracy(1.0, 0.00001)) == "100.00% ± <0.01"
    assert words.percent(0.123) == "12.3%"
    assert words.cost("size_bytes", 352_000) == "352 kB"
    assert words.cost("macs", 2_003_152) == "2.003 millions"


def test_what_is_not_known_is_a_dash() -> None:
    shown = {words.milliseconds(None), words.accuracy(None), words.percent(None), words.cost("macs", None)}
    assert shown == {words.UNKNOWN}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1 subnet"),
        (800, "800 subnets"),
        (123_456, "123,456 subnets"),
        (1_234_567, "1.2 \N{MULTIPLICATION SIGN} 10⁶ subnets"),
        (109 * 10**18, "1.1 \N{MULTIPLICATION SIGN} 10²⁰ subnets"),
        (10**400, "1.0 \N{MULTIPLICATION SIGN} 10⁴⁰⁰ subnets"),
        (104 * 10**18, "1.0 \N{MULTIPLICATION SIGN} 10²⁰ subnets"),
    ],
)
def test_large_counts_are_shown_by_their_power_of_ten(number: int, text: str) -> None:
    assert words.count_of_subnets(number) == text
