"""The process that measures on the host: `python -m ofa_tf.devices.host.runner`.

Reads a `Job` (JSON) from stdin and writes events to stdout, one JSON object a line:

    {"event": "load", "model": 3}        about to load model 3 and run it once
    {"event": "failed", "model": 3, "error": "..."}
    {"event": "progress", "done": 7, "total": 50}
    {"event": "result", "runs": {"5": {"order": [...], "wall_ns": [...], "processor_ns": [...]}}, "facts": {"5": {...}}}

so that whoever started it knows which model was to blame if it ends early. There
are no events between the runs of a round: their reader would disturb the runs.
Imports LiteRT but never TensorFlow: it starts in a fraction of a second.
"""

import dataclasses
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ofa_tf.devices.host.interpreters import LOAD_ERRORS, load_interpreter, num_partitions, timed_runs
from ofa_tf.devices.host.job import Job, JobModel

Emit = Callable[..., None]  # takes the fields of an event

_MAX_VISITS = 5  # to each group of models


def schedule(
    num_models: int,
    rounds: int,
    max_loaded: int,
) -> Iterator[tuple[list[int], int]]:
    """Divide models into groups and rounds into visits.

    Args:
        num_models: Number of models.
        rounds: Rounds of every model, at least.
        max_loaded: Largest number of models in a group.

    Yields:
        Pairs of a group (indices of models, loaded together) and its number of
        rounds in this visit. The groups are visited in turn `_MAX_VISITS` times,
        which share the rounds.
    """
    groups = []
    for start in range(0, num_models, max_loaded):
        end = min(start + max_loaded, num_models)
        groups.append(list(range(start, end)))

    num_visits = min(_MAX_VISITS, rounds)
    for visit in range(num_visits):
        # The first visits take the rounds that do not divide evenly.
        rounds_of_visit = (rounds + num_visits - 1 - visit) // num_visits
        for group in groups:
            yield group, rounds_of_visit


def run_job(job: Job, emit: Emit) -> None:
    """Measure the models of a job.

    Args:
        job: What to measure.
        emit: Called with the fields of each event.
    """
    if job.affinity is not None:
        os.sched_setaffinity(0, job.affinity)
    _JobRun(job, emit).run()


@dataclasses.dataclass
class _Model:
    """A model, and what is known of it.

    Args:
        index: Its position in the job.
        source: What the job says of it.
        facts: What is found besides its runs.
        order: Position of each of its runs among the runs of all models.
        wall_ns: Duration of each run, nanoseconds.
        processor_ns: Processor time that this thread got meanwhile, nanoseconds.
        has_failed: Whether it could not be run.
    """

    index: int
    source: JobModel
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    order: list[int] = dataclasses.field(default_factory=list)
    wall_ns: list[int] = dataclasses.field(default_factory=list)
    processor_ns: list[int] = dataclasses.field(default_factory=list)
    has_failed: bool = False

    def runs(self) -> dict[str, list[int]]:
        """The runs as the result has them."""
        return {
            "order": self.order,
            "wall_ns": self.wall_ns,
            "processor_ns": self.processor_ns,
        }


class _JobRun:
    """A job at work."""

    def __init__(self, job: Job, emit: Emit) -> None:
        self._models = [_Model(index, model) for index, model in enumerate(job.models)]
        self._settings = job.settings
        self._emit = emit
        self._num_runs = 0  # of all models

    def run(self) -> None:
        """Measure the models, and tell what was found."""
        if self._settings.measure_peak_ram:
            for model in self._models:
                _measure_memory(model, self._settings.num_threads, self._emit)

        rng = np.random.default_rng(0)
        visits = self._visits()
        min_time_s = self._settings.min_time_s / max(len(visits), 1)
        for number, (group, rounds) in enumerate(visits, start=1):
            # The memory that a model happens to get makes up to a tenth of its latency: each visit deals it anew.
            order = rng.permutation(len(group))
            shuffled = [group[position] for position in order]
            self._visit(shuffled, rounds, min_time_s)
            self._emit(event="progress", done=number, total=len(visits))

        runs = {}
        facts = {}
        for model in self._models_left():
            name = str(model.index)
            runs[name] = model.runs()
            facts[name] = model.facts
        self._emit(event="result", runs=runs, facts=facts)

    def _models_left(self) -> list[_Model]:
        return [model for model in self._models if not model.has_failed]

    def _visits(self) -> list[tuple[list[_Model], int]]:
        """Groups of the models that run, and the number of rounds of each visit."""
        models = self._models_left()
        if not models:
            return []
        settings = self._settings
        visits = []
        for positions, rounds in schedule(len(models), settings.rounds, settings.max_loaded_models):
            group = [models[position] for position in positions]
            visits.append((group, rounds))
        return visits

    def _visit(
        self,
        group: Sequence[_Model],
        rounds: int,
        min_time_s: float,
    ) -> None:
        """Load a group of models and run them in this order, for so many rounds and so long at least."""
        # The interpreters end with the visit: the next group needs their memory.
        interpreters = self._load_group(group)
        self._run_rounds(interpreters, rounds, min_time_s)

    def _load_group(self, group: Sequence[_Model]) -> dict[int, Any]:
        """Ready interpreters of those models that do not fail now, by the index of the model."""
        interpreters = {}
        for model in group:
            if model.has_failed:
                continue
            interpreter = _load(model, self._settings.num_threads, self._emit)
            if interpreter is None:
                model.has_failed = True
                continue
            model.facts["num_partitions"] = num_partitions(interpreter)
            interpreters[model.index] = interpreter
        return interpreters

    def _run_rounds(
        self,
        interpreters: dict[int, Any],
        rounds: int,
        min_time_s: float,
    ) -> None:
        """Run the models in turns."""
        warmup_runs = self._settings.warmup_runs
        num_runs = self._settings.num_runs
        start = time.monotonic()
        rounds_done = 0
        while rounds_done < rounds or time.monotonic() - start < min_time_s:
            for index, interpreter in interpreters.items():
                durations = timed_runs(interpreter.invoke, warmup_runs, num_runs)
                self._keep_runs(self._models[index], durations)
            rounds_done += 1

    def _keep_runs(self, model: _Model, durations: Sequence[tuple[int, int]]) -> None:
        for wall_ns, processor_ns in durations:
            model.order.append(self._num_runs)
            model.wall_ns.append(wall_ns)
            model.processor_ns.append(processor_ns)
            self._num_runs += 1


def _load(model: _Model, num_threads: int, emit: Emit) -> Any:
    """A ready interpreter that ran once, or `None` after telling why not."""
    emit(event="load", model=model.index)
    source = model.source
    try:
        return load_interpreter(source.path, source.input_shape, num_threads)
    except LOAD_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        emit(event="failed", model=model.index, error=reason)
        return None


def _measure_memory(model: _Model, num_threads: int, emit: Emit) -> None:
    """Run a model once in a forked process, to see whether that goes well and how much memory it takes."""
    if not hasattr(os, "fork") or not os.path.exists("/proc/self/status"):
        return
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _tell_memory(writer, model, num_threads, emit)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        answer = stream.read()
    _, wait_status = os.waitpid(child, 0)
    status = os.waitstatus_to_exitcode(wait_status)

    if status != 0 or not answer:
        model.has_failed = True
        how = _describe_end(status)
        emit(event="failed", model=model.index, error=f"the process that loaded it {how}")
        return
    peak_ram_bytes = json.loads(answer)
    if peak_ram_bytes is None:  # the child has told why
        model.has_failed = True
        return
    model.facts["peak_ram_bytes"] = peak_ram_bytes


def _tell_memory(
    writer: int,
    model: _Model,
    num_threads: int,
    emit: Emit,
) -> None:
    """Run a model and write how many bytes that took to a pipe, or null if it failed."""
    before = _status_bytes("VmRSS")
    interpreter = _load(model, num_threads, emit)
    peak_ram_bytes = None
    if interpreter is not None:
        peak_ram_bytes = _status_bytes("VmHWM") - before
    os.write(writer, json.dumps(peak_ram_bytes).encode())


def _describe_end(status: int) -> str:
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _status_bytes(field: str) -> int:
    """A size that the kernel tells about this process."""
    with open("/proc/self/status", encoding="ascii") as stream:
        for line in stream:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"Expected the kernel to tell {field}. Received: nothing.")


def main() -> None:
    """Run the job on stdin."""
    # Native code may print; stdout is for events only.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def emit(**fields: Any) -> None:
        events.write(json.dumps(fields) + "\n")
        events.flush()

    # Before the forks, whose memory is a model's alone. NumPy loads its generators when they are first used.
    for name in ("ai_edge_litert.interpreter", "numpy.random"):
        importlib.import_module(name)
    run_job(Job.from_json(sys.stdin.read()), emit)


if __name__ == "__main__":
    main()
