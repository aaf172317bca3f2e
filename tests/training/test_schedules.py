import pytest

from ofa_tf.training.config import PhaseConfig
from ofa_tf.training.schedules import PhaseSchedule, warmup_cosine


def test_the_rate_rises_evenly_to_its_peak_and_falls_to_nearly_zero() -> None:
    rates = [warmup_cosine(step, 0.4, 100, 10) for step in range(100)]
    assert rates[:10] == pytest.approx([0.04 * (step + 1) for step in range(10)])
    assert max(rates) == rates[10] == 0.4
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.001


def test_the_cosine_is_at_half_its_peak_half_way() -> None:
    assert warmup_cosine(50, 0.4, 100) == pytest.approx(0.2)


def test_a_phase_lasts_its_epochs_and_warms_up_for_a_share_of_them() -> None:
    schedule = PhaseSchedule(PhaseConfig(epochs=4, learning_rate=0.4, warmup_epochs=0.5), steps_per_epoch=25)
    assert schedule.num_steps == 100
    assert [schedule.learning_rate(step) for step in range(100)] == [
        warmup_cosine(step, 0.4, 100, 12) for step in range(100)
    ]


def test_what_is_left_of_an_epoch_begins_where_the_phase_stands() -> None:
    schedule = PhaseSchedule(PhaseConfig(epochs=4, learning_rate=0.4), steps_per_epoch=25)
    steps = schedule.rest_of_epoch(epoch=2, num_steps_done=60)
    assert (steps.epoch, steps.first_step, steps.end, len(steps)) == (2, 10, 25, 15)
    assert [step for step in range(25) if steps.is_last(step)] == [24]
    assert len(schedule.rest_of_epoch(epoch=3, num_steps_done=75)) == 25
    assert len(schedule.rest_of_epoch(epoch=2, num_steps_done=75)) == 0  # all but the validation is done
