"""`PhoneDevice`: measuring on an Android phone, with `benchmark_model` over adb."""

import contextlib
import dataclasses
import hashlib
import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce
from ofa_tf.devices.android.adb import Adb
from ofa_tf.devices.android.adb_program import PhoneLostError
from ofa_tf.devices.android.benchmark_model.benchmark_tools import TFLITE
from ofa_tf.devices.android.benchmark_model.delegates import AUTOMATIC_PRECISION
from ofa_tf.devices.android.benchmark_model.program import BenchmarkProgram, install_benchmark_program
from ofa_tf.devices.android.connected_phones import choose_phone
from ofa_tf.devices.android.phone_condition import read_condition
from ofa_tf.devices.android.phone_outputs import run_for_outputs
from ofa_tf.devices.android.phone_runs import PhoneRuns, RunPlan
from ofa_tf.devices.android.phone_settings import PhoneSettings
from ofa_tf.devices.android.time_limit import TimeLimit
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Measurement, Progress
from ofa_tf.devices.device_facts import CHOSEN_FACTS, DeviceFacts
from ofa_tf.devices.repetition import turns_until_trusted

PHONE_ID = "adb"

_MAX_ROUNDS = 6  # the fewest that give a confidence interval of 95 %
_MAX_REPEATS = 2  # of all rounds, for models whose latency is doubtful
_TIME_FOR_OUTPUTS_S = 300.0


class PhoneDevice:
    """An Android phone.

    Each model is run by a process of its own, whose start takes longer than some
    runs: rounds are bundled into at most six, each with more runs, which are
    interleaved, so that a warming phone slows all models alike. Models whose
    rounds differ, or of which too few rounds ran on a cool phone, are measured again,
    and marked if that does not help. What is pushed lies in a folder of its own,
    which is removed at the end; if the phone is lost, by a later call.

    Args:
        serial: Which phone; `None`: the only one. It is not looked for before it
            is needed.
        settings: How to use it; by default as `PhoneSettings` says.
    """

    # The id may stand for another phone tomorrow; the table of this one is still of use then.
    facts_that_tell_tables_apart = (*CHOSEN_FACTS, "model")

    def __init__(
        self,
        serial: str | None = None,
        settings: PhoneSettings | None = None,
    ) -> None:
        self.id = PHONE_ID if serial is None else f"{PHONE_ID}:{serial}"
        self._serial = serial
        self._settings = settings or PhoneSettings()
        self._found_serial: str | None = None  # once the phone was there: from then on it is waited for

    def known_facts(self) -> DeviceFacts:
        """The id, and how it is used: a phone tells everything else itself, and need not be at hand."""
        settings = self._settings
        tool = settings.benchmark_tool
        is_usual_precision = settings.gpu_precision == AUTOMATIC_PRECISION
        return DeviceFacts(
            device=self.id,
            benchmark_tool=None if tool is TFLITE else tool.name,
            delegate=settings.delegate,
            gpu_precision=None if is_usual_precision else settings.gpu_precision,
            cpu_mask=settings.cpu_mask,
        )

    def describe(self) -> DeviceFacts:
        """Facts that latencies depend on.

        Raises:
            InputError: If the phone is not ready or there is no `benchmark_model` for it.
        """
        return self._read_facts(self._connect())

    def measure(
        self,
        models: Sequence[BenchmarkModel],
        settings: BenchmarkSettings,
        on_progress: Progress | None = None,
    ) -> list[Measurement]:
        """Measure models; see `Device.measure`.

        Raises:
            InputError: If the phone is not ready, is lost or lacks room, there is no
                `benchmark_model` for it, or it has no operator profile and one is asked for.
        """
        self._check_profile(settings)
        adb = self._connect()
        facts = self._read_facts(adb)
        before = read_condition(adb)
        plan = self._plan(settings, TimeLimit(adb, settings.time_limit_s))
        device = dataclasses.replace(
            facts,
            num_threads=settings.num_threads,
            rounds=plan.num_rounds,
            flags=plan.flags,
            before=before,
        )
        with contextlib.ExitStack() as stack:
            program = stack.enter_context(self._install(adb, str(facts.abi)))
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ofa_tf_"))
            files = program.tool.model_files(models, Path(folder))
            all_runs = [PhoneRuns(model, files, program, plan) for model in models]
            _run_until_trusted(all_runs, plan, on_progress)
            with _announced_if_lost(adb.serial):
                _add_extras(all_runs, settings)
        with _announced_if_lost(adb.serial):
            device = dataclasses.replace(device, after=read_condition(adb.without_waiting()))
        return [runs.measurement(device) for runs in all_runs]

    @property
    def delegate(self) -> str:
        """Name of who runs the operators."""
        return self._settings.delegate

    def check_gives_outputs(self) -> None:
        """Check that the program can be given inputs; see `OutputDevice.check_gives_outputs`.

        Raises:
            InputError: If it cannot.
        """
        tool = self._settings.benchmark_tool
        if not tool.writes_outputs:
            raise InputError(
                "Expected a benchmark_model that can be given inputs, to compare what models give (--check). "
                f"Received: {tool.title}. Name TensorFlow Lite's (--benchmark_binary, --benchmark_tool=tflite)."
            )

    def outputs(self, model: BenchmarkModel, inputs: Sequence[np.ndarray]) -> list[bytes]:
        """What a model gives for some inputs; see `OutputDevice.outputs`.

        Raises:
            InputError: If the phone is not ready, is lost or lacks room, there is no
                `benchmark_model` for it or one that gives no outputs, another delegate runs
                the model, or it takes too long.
        """
        self.check_gives_outputs()
        adb = self._connect()
        limit = TimeLimit(adb, _TIME_FOR_OUTPUTS_S)
        with contextlib.ExitStack() as stack:
            program = stack.enter_context(self._install(adb, _property(adb, "ro.product.cpu.abi")))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ofa_tf_")))
            path = model.as_file(folder / "model.tflite")
            try:
                return run_for_outputs(program, path, inputs, folder, limit)
            except TimeoutError as error:
                raise InputError(
                    f"Expected {model.name} to give its outputs. Received: {limit.describe()}. Call again."
                ) from error

    def _check_profile(self, settings: BenchmarkSettings) -> None:
        tool = self._settings.benchmark_tool
        if settings.profile_operators and tool.profile_flag is None:
            raise InputError(
                "Expected a benchmark_model whose operator profile is understood (--enable_op_profiling). "
                f"Received: {tool.title}. Name TensorFlow Lite's (--benchmark_binary, --benchmark_tool=tflite)."
            )

    def _connect(self) -> Adb:
        if self._found_serial is None:
            self._found_serial = choose_phone(self._serial, self._settings.adb)
        adb = Adb(
            self._found_serial,
            wait_s=self._settings.wait_s,
            program=self._settings.adb,
        )
        adb.wait()
        return adb

    def _read_facts(self, adb: Adb) -> DeviceFacts:
        model = _property(adb, "ro.product.model")
        manufacturer = _property(adb, "ro.product.manufacturer")
        abi = _property(adb, "ro.product.cpu.abi")
        os_build = _property(adb, "ro.build.fingerprint")
        hardware_serial = _property(adb, "ro.serialno")
        binary = self._settings.find_binary(abi)
        return dataclasses.replace(
            self.known_facts(),
            serial=adb.serial,
            model=model,
            manufacturer=manufacturer,
            abi=abi,
            os_build=os_build,
            hardware_serial=hardware_serial,
            runtime=self._settings.benchmark_tool.runtime,
            runtime_sha256=hashlib.sha256(binary.read_bytes()).hexdigest(),
        )

    def _install(self, adb: Adb, abi: str) -> contextlib.AbstractContextManager[BenchmarkProgram]:
        settings = self._settings
        binary = settings.find_binary(abi)
        return install_benchmark_program(
            adb, binary, settings.benchmark_tool, settings.benchmark_delegate, settings.cpu_mask
        )

    def _plan(self, settings: BenchmarkSettings, limit: TimeLimit) -> RunPlan:
        """How every model is run."""
        num_rounds = min(settings.rounds, _MAX_ROUNDS)
        num_runs = math.ceil(settings.rounds * settings.num_runs / num_rounds)
        min_run_s = self._settings.min_run_s
        flags = [
            f"--num_threads={settings.num_threads}",
            f"--num_runs={num_runs}",
            f"--min_secs={min_run_s:g}",
            f"--warmup_runs={max(settings.warmup_runs, 1)}",
            f"--warmup_min_secs={min_run_s:g}",
        ]
        return RunPlan(flags, num_rounds, limit)


def _property(adb: Adb, key: str) -> str:
    return adb.shell("getprop", key).stdout.strip()


def _run_until_trusted(
    all_runs: Sequence[PhoneRuns],
    plan: RunPlan,
    on_progress: Progress | None,
) -> None:
    """All rounds of all models, in turns, and again of those whose latency is doubtful."""
    done = 0
    total = 0

    def run_turn(chosen: Sequence[PhoneRuns]) -> None:
        nonlocal done, total
        total += plan.num_rounds * len(chosen)
        for _ in range(plan.num_rounds):
            for runs in chosen:
                runs.add_round()
                done += 1
                if on_progress is not None:
                    on_progress(done, total)

    def doubtful() -> list[PhoneRuns]:
        measured = [runs for runs in all_runs if runs.error is None]
        return [runs for runs in measured if runs.doubt is not None]

    def has_time_for(_: float) -> bool:
        return not plan.limit.is_reached  # the rounds themselves end with it

    turns = turns_until_trusted(all_runs, doubtful, _MAX_REPEATS, has_time_for)
    run_turn(next(turns))
    with _announced_if_lost("the phone"):
        for chosen in turns:
            run_turn(chosen)


def _add_extras(all_runs: Sequence[PhoneRuns], settings: BenchmarkSettings) -> None:
    """Measure memory and operators, as far as they are wanted; with the latencies, they would disturb them."""
    for runs in all_runs:
        if settings.measure_peak_ram:
            runs.add_memory()
        if settings.profile_operators:
            runs.add_operators()


@contextlib.contextmanager
def _announced_if_lost(phone: str) -> Iterator[None]:
    """Goes on without a phone that is lost: what was measured is worth more than what is missing."""
    try:
        yield
    except PhoneLostError as error:
        announce(f"{phone} was lost after all had been measured: {error}")
