"""Statistics of runs that a busy machine does not spoil.

Devices summarize what they measured as a `RunSummary`. Whoever has single runs of
models that took turns gets it from `summarize_runs`; whoever has medians of rounds
only takes their `median_interval` and `reason_to_doubt`.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

_MAX_SLOWNESS = 1.12  # times what quiet spells take; slower spells are disturbed
_RUNS_IN_A_SPELL = 15  # of whatever models; they tell how fast the machine is at the moment
_MIN_RUNS_THAT_COUNT = 5  # if at all possible
_SHARE_OF_FASTEST = 0.2  # of the runs, which count if all of them were disturbed
_MAX_BLOCKS = 10  # of consecutive runs; their medians tell how sure the median of all is
_MAX_SPREAD = 0.1  # of medians of blocks, relative to their median: a wider one is doubtful
_USUAL_SPREAD_MS = 0.001  # never doubtful: clocks and calls are no steadier

_PERCENT_OF_QUIET_SPELLS = 10  # the percentile of slowness that stands for a quiet machine
_PERCENT_OF_USUAL_RUNS = 20  # the percentile of durations that is usual for a model


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
    """What the runs of one model come to.

    Args:
        median_ms: Median of the runs that count, milliseconds.
        low_ms: Lower end of the median's 95 % confidence interval.
        high_ms: Upper end.
        p5_ms: 5th percentile of the runs that count.
        p95_ms: 95th percentile of the runs that count.
        num_runs: Number of runs that count.
        num_disturbed_runs: Number of runs that do not.
        doubt: Why the median is not to be trusted; `None` if it is.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    p5_ms: float
    p95_ms: float
    num_runs: int
    num_disturbed_runs: int = 0
    doubt: str | None = None


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
    quiet = np.percentile(np.concatenate(slowness), _PERCENT_OF_QUIET_SPELLS)
    limit = _MAX_SLOWNESS * quiet
    summaries = []
    for model, slowness_of_model in zip(models, slowness, strict=True):
        counts = _runs_that_count(model, slowness_of_model <= limit)
        summaries.append(_summarize(model, counts))
    return summaries


def median_interval(
    values: Sequence[float],
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Confidence interval of the median of what independent values are drawn from.

    Lies between two of the values, whatever their distribution: the number of
    values below the median is binomial (Conover, Practical Nonparametric
    Statistics, section 3.2). With fewer than six values, smallest and largest are
    returned, which hold the median less often than 95 times in 100.

    Args:
        values: At least one value.
        confidence: Probability that the interval contains the median.
    """
    ordered = sorted(values)
    num_values = len(ordered)

    # The interval's ends are as many values away from either side as still leaves the
    # probability that the median lies outside, on one side or the other, small enough.
    rank = 0
    below = 0.0
    while True:
        next_below = below + math.comb(num_values, rank) / 2**num_values
        if 2 * next_below > 1 - confidence:
            break
        below = next_below
        rank += 1

    rank = max(rank - 1, 0)
    return ordered[rank], ordered[num_values - 1 - rank]


def reason_to_doubt(medians_ms: Sequence[float]) -> str | None:
    """Why a latency is not to be trusted, from medians of blocks of its runs; `None` if it is."""
    low, middle, high = np.percentile(medians_ms, [25, 50, 75])
    spread = high - low
    if spread <= max(_MAX_SPREAD * middle, _USUAL_SPREAD_MS):
        return None
    return f"the runs differ: their middle half spans {spread / middle:.0%}"


def _momentary_slowness(models: Sequence[ModelRuns]) -> list[np.ndarray]:
    """How slow the machine was at each run of each model.

    That is the running median, in the order of time, of runs of all models, each
    divided by the usual duration of its model.
    """
    relative_durations = []
    for model in models:
        usual_ns = np.percentile(model.wall_ns, _PERCENT_OF_USUAL_RUNS)
        relative_durations.append(model.wall_ns / usual_ns)
    relative = np.concatenate(relative_durations)
    orders = np.concatenate([model.order for model in models])
    in_time = np.argsort(orders)

    slowness = np.empty_like(relative)
    slowness[in_time] = _running_median(relative[in_time], _RUNS_IN_A_SPELL)

    num_runs = [len(model.order) for model in models]
    first_runs = np.cumsum(num_runs)[:-1]
    return np.split(slowness, first_runs)


def _running_median(values: np.ndarray, width: int) -> np.ndarray:
    """The median of the values around each one; both ends are continued by their last value."""
    width = min(width, len(values))
    before = width // 2
    after = width - 1 - before
    padded = np.pad(values, (before, after), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    return np.median(windows, axis=1)


def _runs_that_count(model: ModelRuns, in_quiet_spell: np.ndarray) -> np.ndarray:
    """Marks the runs that nothing disturbed; if they are too few, the best there are."""
    enough = min(_MIN_RUNS_THAT_COUNT, len(model.wall_ns))
    uninterrupted = ~model.was_interrupted
    undisturbed = in_quiet_spell & uninterrupted
    if undisturbed.sum() >= enough:
        return undisturbed
    if uninterrupted.sum() >= enough:
        return uninterrupted
    return model.wall_ns <= np.quantile(model.wall_ns, _SHARE_OF_FASTEST)


def _summarize(model: ModelRuns, counts: np.ndarray) -> RunSummary:
    latencies_ms = model.wall_ns[counts] / 1e6
    p5_ms, median_ms, p95_ms = np.percentile(latencies_ms, [5, 50, 95])

    in_time = np.argsort(model.order[counts])
    num_blocks = min(_MAX_BLOCKS, len(in_time))
    blocks = np.array_split(latencies_ms[in_time], num_blocks)
    block_medians_ms = [float(np.median(block)) for block in blocks]
    low_ms, high_ms = median_interval(block_medians_ms)

    return RunSummary(
        median_ms=float(median_ms),
        low_ms=low_ms,
        high_ms=high_ms,
        p5_ms=float(p5_ms),
        p95_ms=float(p95_ms),
        num_runs=int(counts.sum()),
        num_disturbed_runs=int((~counts).sum()),
        doubt=reason_to_doubt(block_medians_ms),
    )
