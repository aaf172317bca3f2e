"""`BenchmarkOutput`: what a run of `benchmark_model` found, however it says so."""

import dataclasses

from ofa_tf.devices.android.benchmark_model.operator_profile import Operator


@dataclasses.dataclass(frozen=True)
class BenchmarkOutput:
    """What a run of `benchmark_model` found; times in microseconds.

    Args:
        num_runs: Number of runs that count.
        mean_us: Their mean.
        median_us: Their median; `None` if the build does not print it. A few slow
            runs move the mean, so then it takes several calls.
        p5_us: 5th percentile; `None` likewise.
        p95_us: 95th percentile; `None` likewise.
        peak_ram_bytes: Peak of the process' memory, if it was asked for.
        num_partitions: Parts that the graph was divided into; `None` if it is not
            told.
        num_undelegated: Operators that no delegate took; `None` if it is not told.
        delegates: Names of the delegates that took operators, as far as it is told.
        refusal: The line, if one says that a delegate did not take the model.
        operators: The operator profile, if it was asked for.
    """

    num_runs: int
    mean_us: float
    median_us: float | None = None
    p5_us: float | None = None
    p95_us: float | None = None
    peak_ram_bytes: int | None = None
    num_partitions: int | None = None
    num_undelegated: int | None = None
    delegates: tuple[str, ...] = ()
    refusal: str | None = None
    operators: tuple[Operator, ...] = ()
