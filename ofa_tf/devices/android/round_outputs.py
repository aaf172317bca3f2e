"""`RoundOutputs`: what the rounds of one model on a phone come to."""

from collections.abc import Sequence

import numpy as np

from ofa_tf.devices.android.benchmark_model.benchmark_output import BenchmarkOutput
from ofa_tf.devices.run_statistics import RunSummary, median_interval, reason_to_doubt

_COARSE_US = 50.0  # medians are printed in whole microseconds: below this one, too coarse


class RoundOutputs:
    """The outputs of the rounds of one model, of those on a hot phone and of the others.

    A hot phone slows its processor down: its rounds count only if most were such.

    Args:
        num_wanted: Rounds that the model should have.
    """

    def __init__(self, num_wanted: int) -> None:
        self._num_wanted = num_wanted
        self._hot: list[BenchmarkOutput] = []
        self._cool: list[BenchmarkOutput] = []

    def __len__(self) -> int:
        return len(self._hot) + len(self._cool)

    @property
    def is_complete(self) -> bool:
        """Whether there are as many rounds as wanted; more are repeats."""
        return len(self) >= self._num_wanted

    def add(self, output: BenchmarkOutput, is_hot: bool) -> None:
        """Add a round."""
        outputs = self._hot if is_hot else self._cool
        outputs.append(output)

    def doubt(self) -> str | None:
        """Why the latency is not to be trusted: too few rounds on a cool phone, or rounds that differ."""
        if self._hot and len(self._cool) < self._num_wanted:
            return f"the phone was hot in {len(self._hot)} of {len(self)} rounds"
        return reason_to_doubt(self._latencies_ms())

    def summary(self, doubt: str | None) -> RunSummary:
        """The statistics of the rounds that count.

        Args:
            doubt: What is known against them.
        """
        latencies_ms = self._latencies_ms()
        median_ms = float(np.median(latencies_ms))
        low_ms, high_ms = median_interval(latencies_ms)
        p5_ms, p95_ms = self._percentiles_ms()
        return RunSummary(
            median_ms=median_ms,
            low_ms=low_ms,
            high_ms=high_ms,
            # Percentiles are whole microseconds, which the median need not be.
            p5_ms=min(p5_ms, median_ms),
            p95_ms=max(p95_ms, median_ms),
            num_runs=sum(output.num_runs for output in self._counted()),
            doubt=doubt,
        )

    def num_partitions(self) -> int | None:
        """Parts that the graph was divided into, as far as it was printed."""
        return self._counted()[-1].num_partitions

    def _counted(self) -> Sequence[BenchmarkOutput]:
        if len(self._hot) > len(self._cool):
            return self._hot + self._cool
        return self._cool

    def _latencies_ms(self) -> list[float]:
        """Medians of the rounds; means, where there are none or they are too coarse."""
        outputs = self._counted()
        latencies_us = [output.median_us or 0.0 for output in outputs]
        are_printed = min(latencies_us) > 0
        are_coarse = np.median(latencies_us) < _COARSE_US
        if not are_printed or are_coarse:
            latencies_us = [output.mean_us for output in outputs]
        return [latency_us / 1000 for latency_us in latencies_us]

    def _percentiles_ms(self) -> tuple[float, float]:
        """5th and 95th percentile of the runs: the rounds' median, or of the rounds if the program prints none."""
        outputs = self._counted()
        p5_us = [output.p5_us for output in outputs if output.p5_us is not None]
        p95_us = [output.p95_us for output in outputs if output.p95_us is not None]
        are_printed = len(p5_us) == len(p95_us) == len(outputs)
        if are_printed:
            p5_ms = np.median(p5_us) / 1000
            p95_ms = np.median(p95_us) / 1000
        else:
            latencies_ms = self._latencies_ms()
            p5_ms, p95_ms = np.percentile(latencies_ms, [5, 95])
        return float(p5_ms), float(p95_ms)
