"""What the measuring processes of one measurement on the host found, put together.

`HostRuns` are the runs of one model, `CollectedRuns` those of all models. There are
several processes if one dies, or if a latency is doubtful and measured again.
"""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ofa_tf.devices.device import BenchmarkSettings, Progress
from ofa_tf.devices.host.runner_process import RunnerReport
from ofa_tf.devices.run_statistics import ModelRuns, RunSummary, summarize_runs

# A run was interrupted if it took longer than its thread had a processor: this many times as long,
# and as many nanoseconds more as the clocks themselves take.
_MAX_WALL_PER_PROCESSOR_TIME = 1.05
_MAX_CLOCKS_NS = 5e3


@dataclasses.dataclass
class HostRuns:
    """What is known of one model.

    Args:
        runs: Its runs; `None` if it did not run yet.
        peak_ram_bytes: Memory that it takes, if that was measured.
        num_partitions: Number of parts that the delegate took over, if that is known.
        error: Why it cannot be measured; `None` if it can.
    """

    runs: ModelRuns | None = None
    peak_ram_bytes: int | None = None
    num_partitions: int | None = None
    error: str | None = None

    def add(self, runs: ModelRuns, facts: Mapping[str, Any]) -> None:
        """Add the runs in one more process, and the facts that it found."""
        if self.runs is not None:
            runs = _concatenate(self.runs, runs)
        self.runs = runs
        self.peak_ram_bytes = facts.get("peak_ram_bytes", self.peak_ram_bytes)
        self.num_partitions = facts.get("num_partitions", self.num_partitions)


class CollectedRuns:
    """The models of a measurement, over several processes.

    Args:
        num_models: Number of models.
        settings: How is measured.
        on_progress: Called with the steps done and in all, of all processes.

    Attributes:
        models: What is known of each model.
        deadline: When the time is up, as `time.monotonic` tells time.
        death: How the last process that died did; `None` if none did.
    """

    def __init__(
        self,
        num_models: int,
        settings: BenchmarkSettings,
        on_progress: Progress | None,
    ) -> None:
        self.models = [HostRuns() for _ in range(num_models)]
        self.deadline = time.monotonic() + settings.time_limit_s
        self.death: str | None = None
        self._num_threads = settings.num_threads
        self._on_progress = on_progress
        self._num_runs = 0  # of all models and processes
        self._steps_of_ended_processes = 0
        self._steps_of_this_process = 0

    def has_time_for(self, seconds: float) -> bool:
        """Whether something that takes so long can end before the deadline."""
        return time.monotonic() + seconds <= self.deadline

    def on_progress(self, done: int, total: int) -> None:
        """Add the steps of the present process to those of the ones before."""
        self._steps_of_this_process = total
        if self._on_progress is not None:
            before = self._steps_of_ended_processes
            self._on_progress(before + done, before + total)

    def add(self, report: RunnerReport, indices: Sequence[int]) -> None:
        """Add what a process told.

        Args:
            report: Its report, in which models are named by their position in its job.
            indices: The index of the model at each position.
        """
        for position, error in report.failures.items():
            self.models[indices[position]].error = error
        if report.death is not None:
            self._add_death(report, indices)
        if report.result is not None:
            self._add_result(report.result, indices)

    def summaries(self) -> dict[int, RunSummary]:
        """The statistics of each model that ran, by its index."""
        runs = {}
        for index, model in enumerate(self.models):
            if model.runs is not None:
                runs[index] = model.runs
        summaries = summarize_runs(list(runs.values()))
        return dict(zip(runs, summaries, strict=True))

    def _add_death(self, report: RunnerReport, indices: Sequence[int]) -> None:
        """Blame the model that was being loaded, if one was."""
        self.death = report.death
        if report.loading is not None:
            index = indices[report.loading]
            self.models[index].error = f"{report.death} while loading it"

    def _add_result(self, result: Mapping[str, Any], indices: Sequence[int]) -> None:
        runs_before = self._num_runs
        for position, runs in result["runs"].items():
            num_runs = len(runs["wall_ns"])
            if num_runs == 0:
                continue
            model = self.models[indices[int(position)]]
            facts = result["facts"][position]
            model.add(self._parse_runs(runs, runs_before), facts)
            self._num_runs += num_runs
        self._steps_of_ended_processes += self._steps_of_this_process

    def _parse_runs(self, runs: Mapping[str, list[int]], runs_before: int) -> ModelRuns:
        """The runs of a model in one process, which followed those of earlier processes."""
        wall_ns = np.array(runs["wall_ns"], float)
        processor_ns = np.array(runs["processor_ns"], float)
        was_interrupted = np.zeros(len(wall_ns), bool)
        if self._num_threads == 1:
            # A single thread that got less processor time than passed was waiting for its turn.
            longest_ns = _MAX_WALL_PER_PROCESSOR_TIME * processor_ns + _MAX_CLOCKS_NS
            was_interrupted = wall_ns > longest_ns
        return ModelRuns(
            order=runs_before + np.array(runs["order"]),
            wall_ns=wall_ns,
            was_interrupted=was_interrupted,
        )


def _concatenate(first: ModelRuns, second: ModelRuns) -> ModelRuns:
    return ModelRuns(
        order=np.concatenate([first.order, second.order]),
        wall_ns=np.concatenate([first.wall_ns, second.wall_ns]),
        was_interrupted=np.concatenate([first.was_interrupted, second.was_interrupted]),
    )
