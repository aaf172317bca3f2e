"""`HostDevice`: measuring on the computer that runs this program."""

import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import os
import platform
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.devices.cpu_affinity import choose_cores
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Measurement, Progress
from ofa_tf.devices.host.runner_process import run_process
from ofa_tf.devices.run_statistics import ModelRuns, RunSummary, summarize_runs

_MAX_CRASHES = 3
_MAX_REPEATS = 1  # of the measurement, for models whose latency is doubtful
_MAX_COMPANY = 24  # models that are then measured together
_COMMAND = (sys.executable, "-m", "ofa_tf.devices.host.runner")


class HostDevice:
    """The computer that runs this program, through LiteRT and XNNPACK.

    Models run in a process of their own that does not load TensorFlow, so that
    a model that crashes takes nothing along. If that process dies, the model it
    was busy with is recorded as failed and the others are measured again. The
    process is pinned to as many cores as it has threads. Models whose runs differ
    are measured again, together with others, as before. (Two measurements at once
    choose the same core, and disturb each other.)

    Args:
        command: The program that measures, see `runner`.
        cpu_mask: Cores that may run the models, as `taskset` takes them; chosen by
            default, see `choose_cores`.

    Raises:
        InputError: If the mask is not of cores that this process may use.
    """

    id = "host"

    def __init__(self, command: Sequence[str] = _COMMAND, cpu_mask: str | None = None) -> None:
        choose_cores(1, cpu_mask)  # tells what is wrong with the mask
        self._command, self._cpu_mask = tuple(command), cpu_mask

    def describe(self) -> dict[str, Any]:
        """Facts that latencies depend on."""
        return {**_describe(), "cpu_mask": self._cpu_mask}

    def measure(
        self,
        models: Sequence[BenchmarkModel],
        settings: BenchmarkSettings,
        on_progress: Progress | None = None,
    ) -> list[Measurement]:
        """Measure models; see `Device.measure`.

        Raises:
            InputError: If no model could be measured because the measuring
                process died, hit the time limit or could not start, or if an
                operator profile is asked for.
        """
        if settings.profile_operators:
            raise InputError(
                "Expected a phone for an operator profile. Received: the device host. Measure with --device=adb."
            )
        cores = choose_cores(settings.num_threads, self._cpu_mask)
        device = {**self.describe(), "num_threads": settings.num_threads, "cores": cores}
        with tempfile.TemporaryDirectory(prefix="ofa_tf_") as folder:
            paths = [_path_of(model, Path(folder) / f"{index}.tflite") for index, model in enumerate(models)]
            job = {
                "models": [
                    {"path": str(path), "input_shape": model.input_shape}
                    for path, model in zip(paths, models, strict=True)
                ],
                "settings": settings.to_dict(),
                "cores": cores,
            }
            session = _Session(settings, on_progress)
            self._measure_repeatedly(job, session)
        summaries = session.summaries()
        if session.death and not summaries:
            raise InputError(
                f"Expected the measuring process to finish. Received: {session.death}. "
                "Close other programs, measure fewer models, or raise the time limit."
            )
        measurements = []
        for index, model in enumerate(models):
            if index not in summaries:
                reason = session.errors.get(index) or session.death or "not measured"
                measurements.append(Measurement(model.name, None, device=device, error=reason))
                continue
            measurements.append(_measurement(model.name, summaries[index], session.facts[index], device))
        return measurements

    def _measure_repeatedly(self, job: dict[str, Any], session: "_Session") -> None:
        """Measure all models, and again those whose latency is doubtful."""
        chosen = list(range(len(job["models"])))
        for _ in range(1 + _MAX_REPEATS):
            start = time.monotonic()
            self._measure_once(job, chosen, session)
            doubtful = [index for index, summary in session.summaries().items() if summary.doubt is not None]
            seconds = time.monotonic() - start
            if not doubtful or time.monotonic() + seconds > session.deadline:
                return
            num_together = min(job["settings"]["max_loaded_models"], _MAX_COMPANY)
            chosen = _with_company(doubtful, session.runs, num_together)
            job = {**job, "settings": {**job["settings"], "measure_peak_ram": False}}

    def _measure_once(self, job: dict[str, Any], chosen: Sequence[int], session: "_Session") -> None:
        """Measure the chosen models, without those that fail."""
        for _ in range(_MAX_CRASHES):
            left = [index for index in chosen if index not in session.errors]
            if not left:
                return
            part = {**job, "models": [job["models"][index] for index in left]}
            outcome = run_process(self._command, part, session.deadline, session.on_progress)
            session.errors.update({left[position]: error for position, error in outcome.failures.items()})
            if outcome.result is not None:
                session.add(outcome.result, left)
                return
            session.death = outcome.death
            if outcome.busy_with is not None:
                session.errors[left[outcome.busy_with]] = f"{outcome.death} while loading it"
            if time.monotonic() >= session.deadline:
                session.death = f"the time limit of {job['settings']['time_limit_s']:g} s was reached"
                return


class _Session:
    """What a call of `HostDevice.measure` found so far, by index of the model."""

    def __init__(self, settings: BenchmarkSettings, on_progress: Progress | None) -> None:
        self.deadline = time.monotonic() + settings.time_limit_s
        self.runs: dict[int, ModelRuns] = {}
        self.facts: dict[int, dict[str, Any]] = {}
        self.errors: dict[int, str] = {}
        self.death: str | None = None  # of the last process that died
        self._num_threads, self._on_progress = settings.num_threads, on_progress
        self._num_runs = 0  # of all models
        self._steps_before, self._steps_now = 0, 0

    def on_progress(self, done: int, total: int) -> None:
        """Add the steps of this process to those of the ones before."""
        self._steps_now = total
        if self._on_progress is not None:
            self._on_progress(self._steps_before + done, self._steps_before + total)

    def add(self, result: dict[str, Any], chosen: Sequence[int]) -> None:
        """Add the runs of the chosen models to those that there are."""
        for position, run in result["runs"].items():
            index, facts = chosen[int(position)], result["facts"][position]
            if not run["wall_ns"]:
                continue
            self.facts[index] = {**self.facts.get(index, {}), **facts}
            new = _model_runs(run, self._num_threads, self._num_runs)
            self.runs[index] = _joined(self.runs[index], new) if index in self.runs else new
        self._num_runs += sum(len(run["wall_ns"]) for run in result["runs"].values())
        self._steps_before += self._steps_now

    def summaries(self) -> dict[int, RunSummary]:
        """The statistics of each model that ran."""
        return dict(zip(self.runs, summarize_runs(list(self.runs.values())), strict=True))


def _measurement(name: str, summary: RunSummary, facts: dict[str, Any], device: dict[str, Any]) -> Measurement:
    return Measurement(
        model=name,
        latency_ms=summary.median_ms,
        latency_low_ms=summary.low_ms,
        latency_high_ms=summary.high_ms,
        latency_p5_ms=summary.p5_ms,
        latency_p95_ms=summary.p95_ms,
        num_runs=summary.num_runs,
        num_disturbed_runs=summary.num_disturbed_runs,
        peak_ram_bytes=facts.get("peak_ram_bytes"),
        num_partitions=facts.get("num_partitions"),
        device=device,
        doubt=summary.doubt,
    )


def _with_company(doubtful: Sequence[int], measured: Collection[int], num_together: int) -> list[int]:
    """Doubtful models, with others to make up the number that is measured together.

    A model that runs in turns with fewer others finds more of itself in the
    caches, and would seem faster.
    """
    others = np.random.default_rng(0).permutation(sorted(set(measured) - set(doubtful)))
    return [*doubtful, *(int(index) for index in others[: max(num_together - len(doubtful), 0)])]


def _model_runs(run: dict[str, list[int]], num_threads: int, start: int) -> ModelRuns:
    wall_ns, processor_ns = np.array(run["wall_ns"], float), np.array(run["processor_ns"], float)
    # A single thread that got less processor time than passed was waiting for its turn.
    was_interrupted = wall_ns > 1.05 * processor_ns + 5e3 if num_threads == 1 else np.zeros(len(wall_ns), bool)
    return ModelRuns(start + np.array(run["order"]), wall_ns, was_interrupted)


def _joined(first: ModelRuns, second: ModelRuns) -> ModelRuns:
    pairs = zip(dataclasses.astuple(first), dataclasses.astuple(second), strict=True)
    return ModelRuns(*(np.concatenate(pair) for pair in pairs))


def _path_of(model: BenchmarkModel, spare: Path) -> Path:
    if isinstance(model.content, bytes):
        spare.write_bytes(model.content)
        return spare
    return Path(model.content).absolute()


@functools.lru_cache(maxsize=1)
def _describe() -> dict[str, Any]:
    return {
        "device": "host",
        "model": _cpu_model(),
        "abi": platform.machine(),
        "os_build": platform.platform(),
        "num_cores": os.cpu_count(),
        "runtime": f"LiteRT {_litert_version()}",
        "runtime_sha256": _runtime_hash(),
        "delegate": "XNNPACK",
    }


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _litert_version() -> str:
    try:
        return importlib.metadata.version("ai-edge-litert")
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(
            "Expected the package ai-edge-litert to be installed. Received: not found. Run `make install`."
        ) from error


def _runtime_hash() -> str:
    """Hash over the runtime's native libraries."""
    digest = hashlib.sha256()
    for file in sorted(importlib.metadata.files("ai-edge-litert") or [], key=str):
        if file.name.startswith(("libpywrap_litert", "libLiteRt.")):
            digest.update(Path(str(file.locate())).read_bytes())
    return digest.hexdigest()
