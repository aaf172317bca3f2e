import pytest

from ofa_tf.training.schedules import warmup_cosine


def test_the_rate_rises_evenly_to_its_peak_and_falls_to_nearly_zero() -> None:
    rates = [warmup_cosine(step, 0.4, 100, 10) for step in range(100)]
    assert rates[:10] == pytest.approx([0.04 * (step + 1) for step in range(10)])
    assert max(rates) == rates[10] == 0.4
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.001


def test_the_cosine_is_at_half_its_peak_half_way() -> None:
    assert warmup_cosine(50, 0.4, 100) == pytest.approx(0.2)
