"""What is doubtful is measured again, as often and as long as that is allowed."""

from collections.abc import Sequence

import pytest

from ofa_tf.devices.repetition import turns_until_trusted


def _turns(
    doubts: Sequence[list[str]],
    max_repeats: int,
    num_turns_in_time: int = 99,
) -> list[str]:
    """The turns over the models A, B and C, of which each turn leaves so many doubtful."""
    measured: list[str] = []
    turns = turns_until_trusted(
        ["A", "B", "C"],
        lambda: doubts[len(measured) - 1],
        max_repeats,
        lambda seconds: len(measured) < num_turns_in_time,
    )
    for chosen in turns:
        measured.append("".join(chosen))
    return measured


@pytest.mark.parametrize(
    ("doubts", "expected"),
    [
        ([[]], ["ABC"]),
        ([["B"], []], ["ABC", "B"]),
        ([["A", "B"], ["B"], ["B"]], ["ABC", "AB", "B"]),
    ],
)
def test_the_doubtful_are_measured_again_until_none_is_or_the_repeats_are_used_up(
    doubts: list[list[str]],
    expected: list[str],
) -> None:
    assert _turns(doubts, max_repeats=2) == expected


def test_without_repeats_everything_is_measured_once() -> None:
    assert _turns([["A"]], max_repeats=0) == ["ABC"]


def test_without_time_for_another_turn_the_doubtful_stay_so() -> None:
    assert _turns([["A"], ["A"]], max_repeats=2, num_turns_in_time=1) == ["ABC"]


def test_whoever_decides_about_the_time_hears_what_the_last_turn_took() -> None:
    durations: list[float] = []

    def has_time_for(seconds: float) -> bool:
        durations.append(seconds)
        return True

    for _ in turns_until_trusted(["A"], lambda: ["A"], 2, has_time_for):
        pass
    assert len(durations) == 2
    assert min(durations) >= 0
