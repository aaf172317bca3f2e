"""`HostDevice`: measuring on the computer that runs this program."""

import dataclasses
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.devices.cpu_affinity import choose_affinity
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Measurement, Progress
from ofa_tf.devices.device_facts import CHOSEN_FACTS, DeviceFacts
from ofa_tf.devices.host.collected_runs import CollectedRuns
from ofa_tf.devices.host.host_facts import HOST_ID, read_host_facts
from ofa_tf.devices.host.job import Job, JobModel
from ofa_tf.devices.host.other_programs import ProcessorTimes, reason_to_doubt
from ofa_tf.devices.host.runner_process import run_process
from ofa_tf.devices.repetition import turns_until_trusted
from ofa_tf.devices.run_statistics import RunSummary

_MAX_DEATHS = 3  # of measuring processes, before the models that are left are given up
_MAX_REPEATS = 1  # of the measurement, for models whose latency is doubtful
_MAX_MODELS_IN_A_REPEAT = 24
_COMMAND = (sys.executable, "-m", "ofa_tf.devices.host.runner")


class HostDevice:
    """The computer that runs this program, through LiteRT and XNNPACK.

    Models run in a process of their own that does not load TensorFlow, so that
    a model that crashes takes nothing along. If that process dies, the model it
    was busy with is recorded as failed and the others are measured again. The
    process is pinned to as many cores as it has threads. Models whose runs differ
    are measured again, together with others, as before. (Two measurements at once
    choose the same core, and disturb each other.) Where other programs keep the
    computer busy meanwhile, all latencies are doubtful.

    Args:
        command: The program that measures, see `runner`.
        cpu_mask: Cores that may run the models, as `taskset` takes them; chosen by
            default, see `choose_affinity`.

    Raises:
        InputError: If the mask is not of cores that this process may use.
    """

    id = HOST_ID
    # A table of another model, that is of another computer, is of no use here: it may be replaced.
    facts_that_tell_tables_apart = CHOSEN_FACTS

    def __init__(
        self,
        command: Sequence[str] = _COMMAND,
        cpu_mask: str | None = None,
    ) -> None:
        choose_affinity(1, cpu_mask)  # raises if something is wrong with the mask
        self._command = tuple(command)
        self._cpu_mask = cpu_mask

    def known_facts(self) -> DeviceFacts:
        """All facts: the host is always at hand."""
        return self.describe()

    def describe(self) -> DeviceFacts:
        """Facts that latencies depend on."""
        return dataclasses.replace(read_host_facts(), cpu_mask=self._cpu_mask)

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
        affinity = choose_affinity(settings.num_threads, self._cpu_mask)
        device = dataclasses.replace(
            self.describe(),
            num_threads=settings.num_threads,
            cores=affinity,
        )
        times_before = ProcessorTimes.now()
        found = CollectedRuns(len(models), settings, on_progress)
        with tempfile.TemporaryDirectory(prefix="ofa_tf_") as folder:
            job = Job(_models_of_job(models, Path(folder)), settings, affinity)
            self._measure_until_trusted(job, found)
        share_of_others = round(ProcessorTimes.now().share_of_others_since(times_before), 3)
        device = dataclasses.replace(device, after={"busy_with_others": share_of_others})
        return _make_measurements(models, found, device, reason_to_doubt(share_of_others))

    def _measure_until_trusted(self, job: Job, found: CollectedRuns) -> None:
        """Measure all models, and again those whose latency is doubtful."""
        num_together = min(job.settings.max_loaded_models, _MAX_MODELS_IN_A_REPEAT)

        def models_to_repeat() -> list[int]:
            return _choose_repeats(found.summaries(), num_together)

        all_models = range(len(job.models))
        for indices in turns_until_trusted(all_models, models_to_repeat, _MAX_REPEATS, found.has_time_for):
            self._measure_once(job, indices, found)
            # Repeats are for the latencies: the memory is known after the first turn.
            job = job.without_memory()

    def _measure_once(
        self,
        job: Job,
        indices: Sequence[int],
        found: CollectedRuns,
    ) -> None:
        """Measure some models, without those that fail, in a new process whenever one dies."""
        for _ in range(_MAX_DEATHS):
            left = [index for index in indices if found.models[index].error is None]
            if not left:
                return
            part = job.part(left)
            report = run_process(self._command, part, found.deadline, found.on_progress)
            found.add(report, left)
            if report.death is None:
                return
            if time.monotonic() >= found.deadline:
                found.death = f"the time limit of {job.settings.time_limit_s:g} s was reached"
                return


def _models_of_job(models: Sequence[BenchmarkModel], folder: Path) -> list[JobModel]:
    """The models as files; those that are none are written to the folder."""
    job_models = []
    for index, model in enumerate(models):
        path = model.as_file(folder / f"{index}.tflite")
        job_models.append(JobModel(str(path.absolute()), model.input_shape))
    return job_models


def _choose_repeats(summaries: Mapping[int, RunSummary], num_together: int) -> list[int]:
    """Doubtful models, if there are any, with others to make up the number that is measured together.

    A model that runs in turns with fewer others finds more of itself in the
    caches, and would seem faster.
    """
    doubtful = []
    trusted = []
    for index, summary in summaries.items():
        if summary.doubt is None:
            trusted.append(index)
        else:
            doubtful.append(index)
    if not doubtful:
        return []
    num_others = max(num_together - len(doubtful), 0)
    others = np.random.default_rng(0).permutation(trusted)[:num_others]
    return doubtful + others.tolist()


def _make_measurements(
    models: Sequence[BenchmarkModel],
    found: CollectedRuns,
    device: DeviceFacts,
    doubt: str | None,
) -> list[Measurement]:
    """What measuring each model gave; `doubt`: why no latency is to be trusted, if there is a reason."""
    summaries = found.summaries()
    if found.death and not summaries:
        raise InputError(
            f"Expected the measuring process to finish. Received: {found.death}. "
            "Close other programs, measure fewer models, or raise the time limit."
        )
    measurements = []
    for index, model in enumerate(models):
        runs = found.models[index]
        if index in summaries:
            summary = summaries[index]
            measurement = Measurement.of_runs(
                model.name,
                device,
                dataclasses.replace(summary, doubt=summary.doubt or doubt),
                peak_ram_bytes=runs.peak_ram_bytes,
                num_partitions=runs.num_partitions,
            )
        else:
            reason = runs.error or found.death or "not measured"
            measurement = Measurement.failed(model.name, device, reason)
        measurements.append(measurement)
    return measurements
