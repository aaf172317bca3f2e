"""Statistics that a busy machine does not spoil."""

import dataclasses
from collections.abc import Sequence

import numpy as np

_SLOW = 1.12  # a spell is disturbed when runs take this many times as long as in quiet spells
_SPELL = 15  # runs, of whatever models, that tell how fast the machine is at the moment
_MIN_RUNS = 5  # that count, if at all possible
_FAST_SHARE = 0.2  # of the runs count if all of them were disturbed


@dataclasses.dataclass(frozen=True)
class ModelRuns:
    """The runs of one model.

    Args:
        order: Position of each run in time among the runs of all models.
        wall_ns: Duration of each run, nanoseconds.
        was_interrupted: Whether the thread had to wait for a processor meanwhile.
    """

    order: np.ndarray
    wall_ns: np.ndarray
    was_interrupted: np.ndarray


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """Median and spread of the runs that count, milliseconds."""

    median_ms: float
    p5_ms: float
    p95_ms: float
    num_runs: int
    num_disturbed_runs: int


def summarize_runs(models: Sequence[ModelRuns]) -> list[RunSummary]:
    """Median of each model's runs, leaving out those that were disturbed.

    Other processes interrupt runs, and slow the machine down in spells of
    milliseconds to seconds (a neighbour on the same core costs a third of the
    speed). With the models interleaved, spells show: runs of all models, each
    divided by what is usual for its model, are slow together. Such runs do not
    count; a single slow run does, for it may be the model's own. On a quiet
    machine the result is the plain median.

    Returns:
        One summary a model, in order.
    """
    if not models:
        return []
    slowness = _momentary_slowness(models)
    limit = _SLOW * np.percentile(np.concatenate(slowness), 10)
    summaries = []
    for model, state in zip(models, slowness, strict=True):
        keep = _runs_that_count(model, state <= limit)
        p5, median, p95 = np.percentile(model.wall_ns[keep] / 1e6, [5, 50, 95])
        summaries.append(RunSummary(float(median), float(p5), float(p95), int(keep.sum()), int((~keep).sum())))
    return summaries


def _momentary_slowness(models: Sequence[ModelRuns]) -> list[np.ndarray]:
    """How slow the machine was at each run: the running median of runs over their model's usual duration."""
    relative = np.concatenate([model.wall_ns / np.percentile(model.wall_ns, 20) for model in models])
    in_time = np.argsort(np.concatenate([model.order for model in models]))
    width = min(_SPELL, len(relative))
    padded = np.pad(relative[in_time], (width // 2, width - 1 - width // 2), mode="edge")
    slowness = np.empty_like(relative)
    slowness[in_time] = np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
    return np.split(slowness, np.cumsum([len(model.order) for model in models])[:-1])


def _runs_that_count(model: ModelRuns, in_quiet_spell: np.ndarray) -> np.ndarray:
    enough = min(_MIN_RUNS, len(model.wall_ns))
    for keep in (in_quiet_spell & ~model.was_interrupted, ~model.was_interrupted):
        if keep.sum() >= enough:
            return keep
    return model.wall_ns <= np.quantile(model.wall_ns, _FAST_SHARE)
