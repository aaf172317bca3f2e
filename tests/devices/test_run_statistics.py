"""Latencies come of the runs that nothing disturbed, with honest error bars."""

import numpy as np
import pytest

from ofa_tf.devices.run_statistics import ModelRuns, median_interval, reason_to_doubt, summarize_runs


def _interleaved(slowdown: np.ndarray, usual_ns: tuple[float, ...]) -> list[ModelRuns]:
    """Rounds of one run of each model, on a machine that is `slowdown[i]` times slower at run i."""
    rng = np.random.default_rng(0)
    noise = 1 + 0.01 * rng.standard_normal(len(slowdown))
    relative = slowdown * noise
    models = []
    for index, usual in enumerate(usual_ns):
        order = np.arange(index, len(slowdown), len(usual_ns))
        models.append(_uninterrupted(usual * relative[order], order))
    return models


def _uninterrupted(wall_ns: np.ndarray, order: np.ndarray | None = None) -> ModelRuns:
    """Runs that did not wait for a processor, one after the other unless `order` says when they were."""
    if order is None:
        order = np.arange(len(wall_ns))
    return ModelRuns(order, wall_ns, np.zeros(len(wall_ns), bool))


def test_quiet_runs_give_the_plain_median() -> None:
    models = _interleaved(np.ones(300), (1e6, 5e6, 2e7))
    for summary, model in zip(summarize_runs(models), models, strict=True):
        assert summary.median_ms == np.median(model.wall_ns) / 1e6
        assert summary.num_disturbed_runs == 0


def test_slow_spells_of_the_machine_do_not_count() -> None:
    slowdown = np.ones(300)
    slowdown[60:240] = 1.4
    summaries = summarize_runs(_interleaved(slowdown, (1e6, 5e6, 2e7)))
    for summary, usual_ms in zip(summaries, (1, 5, 20), strict=True):
        assert abs(summary.median_ms / usual_ms - 1) < 0.02
        assert 50 <= summary.num_disturbed_runs <= 65


def test_slow_runs_of_one_model_are_its_own() -> None:
    models = _interleaved(np.ones(300), (1e6, 5e6, 2e7))
    models[1].wall_ns[::3] *= 2
    assert summarize_runs(models)[1].p95_ms > 9


def test_interrupted_runs_do_not_count() -> None:
    wall_ns = np.array([1e6] * 6 + [4e6] * 30)
    model = ModelRuns(np.arange(36), wall_ns, was_interrupted=wall_ns > 2e6)
    (summary,) = summarize_runs([model])
    assert (summary.median_ms, summary.num_runs, summary.num_disturbed_runs) == (1.0, 6, 30)


def test_the_fastest_runs_count_if_all_were_interrupted() -> None:
    wall_ns = np.linspace(1e6, 3e6, 50)
    model = ModelRuns(np.arange(50), wall_ns, was_interrupted=np.ones(50, bool))
    (summary,) = summarize_runs([model])
    assert summary.num_runs == 10
    assert summary.median_ms < 1.3


def test_a_single_run_is_its_own_median() -> None:
    (summary,) = summarize_runs([_uninterrupted(np.array([2e6]))])
    assert summary.median_ms == 2.0


@pytest.mark.parametrize("n", [6, 10, 15, 100])
def test_the_interval_holds_the_median_as_often_as_it_says(n: int) -> None:
    rng = np.random.default_rng(0)
    draws = np.exp(rng.standard_normal((4000, n)))  # skewed, as latencies are; their median is 1
    low, high = np.transpose([median_interval(list(row)) for row in draws])
    assert np.mean((low <= 1) & (high >= 1)) > 0.94
    if n == 100:
        assert np.mean(high - low) < 0.7


def test_the_interval_of_few_values_spans_them() -> None:
    assert median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0)


def test_the_interval_of_a_summary_lies_around_its_median() -> None:
    for summary in summarize_runs(_interleaved(np.ones(300), (1e6, 5e6))):
        assert (
            0.99 * summary.median_ms < summary.low_ms < summary.median_ms < summary.high_ms < 1.01 * summary.median_ms
        )
        assert summary.doubt is None


def test_blocks_that_differ_are_doubtful() -> None:
    wall_ns = np.repeat([1e6, 1.5e6, 1e6, 1.5e6], 25)
    (summary,) = summarize_runs([_uninterrupted(wall_ns)])
    assert summary.doubt is None  # the slow spells do not count
    assert reason_to_doubt([1.0, 1.0, 1.5, 1.5]) == "the runs differ: their middle half spans 40%"
    assert reason_to_doubt([1.0, 1.05, 1.02]) is None
