import pytest

from ofa_tf.training import checkpoint_timer
from ofa_tf.training.checkpoint_timer import CheckpointTimer


class Clock:
    """Tells the time that a test sets."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(checkpoint_timer, "time", clock)
    return clock


def _save(timer: CheckpointTimer, clock: Clock, seconds: float) -> None:
    with timer.saving():
        clock.seconds += seconds


def test_the_first_epoch_is_saved_and_later_ones_unless_saving_took_more_than_a_twentieth(clock: Clock) -> None:
    timer = CheckpointTimer()
    assert timer.is_due_after_epoch()
    _save(timer, clock, seconds=2.0)
    clock.seconds += 39
    assert not timer.is_due_after_epoch()
    clock.seconds += 2
    assert timer.is_due_after_epoch()


def test_within_an_epoch_ten_minutes_pass_from_its_beginning_or_the_last_checkpoint(clock: Clock) -> None:
    timer = CheckpointTimer()
    timer.begin_epoch()
    assert not timer.is_due_within_epoch()
    clock.seconds += 601
    assert timer.is_due_within_epoch()
    _save(timer, clock, seconds=1.0)
    assert not timer.is_due_within_epoch()
    clock.seconds += 601
    assert timer.is_due_within_epoch()
    timer.begin_epoch()
    assert not timer.is_due_within_epoch()


def test_saving_that_fails_leaves_a_checkpoint_due(clock: Clock) -> None:
    timer = CheckpointTimer()
    with pytest.raises(OSError, match="full"), timer.saving():
        raise OSError("full")
    assert timer.is_due_after_epoch()
