"""Statistics that a busy machine does not spoil."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

_SLOW = 1.12  # a spell is disturbed when runs take this many times as long as in quiet spells
_SPELL = 15  # runs, of whatever models, that tell how fast the machine is at the moment
_MIN_RUNS = 5  # that count, if at all possible
_BLOCKS = 10  # of consecutive runs; their medians tell how sure the median of all is
_MAX_SPREAD = 0.1  # of medians of blocks, which a trustworthy latency stays below
_USUAL_SPREAD_MS = 0.001  # that is never doubtful: clocks and calls are no steadier
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
    """Median of the runs that count, its 95 % confidence interval and their spread, milliseconds."""

    median_ms: float
    low_ms: float
    high_ms: float
    p5_ms: float
    p95_ms: float
    num_runs: int
    num_disturbed_runs: int
    doubt: str | None


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
        latencies_ms = model.wall_ns[keep] / 1e6
        p5, median, p95 = (float(value) for value in np.percentile(latencies_ms, [5, 50, 95]))
        in_time = latencies_ms[np.argsort(model.order[keep])]
        blocks = [float(np.median(block)) for block in np.array_split(in_time, min(_BLOCKS, len(in_time)))]
        low, high = median_interval(blocks)
        num_runs, num_disturbed_runs = int(keep.sum()), int((~keep).sum())
        summaries.append(RunSummary(median, low, high, p5, p95, num_runs, num_disturbed_runs, find_doubt(blocks)))
    return summaries


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Confidence interval of the median of what independent values are drawn from.

    Lies between two of the values, whatever their distribution: the number of
    values below the median is binomial (Conover, Practical Nonparametric
    Statistics, section 3.2). With fewer than six values, smallest and largest are
    returned, which hold the median less often than 95 times in 100.

    Args:
        values: At least one value.
        confidence: Probability that the interval contains the median.
    """
    ordered, n = sorted(values), len(values)
    below, rank = 0.0, 0  # of the interval's ends, counted from either side
    while 2 * (below + math.comb(n, rank) / 2**n) <= 1 - confidence:
        below += math.comb(n, rank) / 2**n
        rank += 1
    rank = max(rank - 1, 0)
    return ordered[rank], ordered[n - 1 - rank]


def find_doubt(medians: Sequence[float]) -> str | None:
    """Why a latency is not to be trusted, from medians of blocks of runs, milliseconds; `None` if it is."""
    low, middle, high = np.percentile(medians, [25, 50, 75])
    if high - low <= max(_MAX_SPREAD * middle, _USUAL_SPREAD_MS):
        return None
    return f"the runs differ: their middle half spans {(high - low) / middle:.0%}"


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
