import pytest

from ofa_tf.base.numbers_in_words import (
    accuracy_in_words,
    limit_in_words,
    limits_in_words,
    points_in_words,
    share_in_words,
    short_number,
)


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (0.0118, "1.18"),
        (0.12, "12.00"),
        (0.0001, "0.01"),
        (0.00005001, "0.01"),
        (0.00004, "<0.01"),
        (0.0, "<0.01"),
    ],
)
def test_an_error_has_two_decimals_and_is_never_shown_as_nothing(difference: float, words: str) -> None:
    assert points_in_words(difference) == words
    assert accuracy_in_words(0.98611, difference) == f"98.61% +- {words}"


def test_limits_are_told_with_the_names_of_the_costs() -> None:
    limits = {"latency_ms": 0.1, "macs": 2e6}
    assert limits_in_words(limits) == "latency_ms at most 0.1, macs at most 2,000,000"
    margins = {"latency_ms": 0.05}
    assert limits_in_words(limits, margins) == "latency_ms at most 0.1 (with a margin of 5.0%), macs at most 2,000,000"


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (0.12346, "0.12346"),
        (0.1, "0.1"),
        (2, "2"),
        (1234567, "1,234,567"),
        (1234567.5, "1,234,567.5"),
        (1e12, "1,000,000,000,000"),
    ],
)
def test_a_limit_is_told_as_it_was_given(limit: float, words: str) -> None:
    assert limit_in_words(limit) == words
    assert limits_in_words({"macs": limit}) == f"macs at most {words}"


def test_a_share_is_never_shown_as_nothing() -> None:
    words = [share_in_words(share) for share in (0.00004, 0.0004, 0.0006, 0.042, 1.5)]
    assert words == ["<0.1%", "<0.1%", "0.1%", "4.2%", "150.0%"]


def test_a_cost_is_as_short_as_it_can_be_read() -> None:
    assert [short_number(0.0985116), short_number(12.0), short_number(74960.0)] == ["0.09851", "12", "74,960"]
