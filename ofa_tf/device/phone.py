"""`PhoneDevice`: measuring on an Android phone, with `benchmark_model` over adb."""

import contextlib
import dataclasses
import functools
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.device.adb import Adb, PhoneLostError, find_phone
from ofa_tf.device.benchmark_binary import find_benchmark_binary
from ofa_tf.device.benchmark_output import BenchmarkOutput, Operator
from ofa_tf.device.benchmark_program import DELEGATES, BenchmarkProgram, TimeLimit, install_benchmark_program
from ofa_tf.device.cores import parse_cpu_mask
from ofa_tf.device.device import BenchmarkModel, BenchmarkSettings, Measurement, Progress
from ofa_tf.device.phone_condition import cool_down, read_condition
from ofa_tf.device.robust import find_doubt, median_interval
from ofa_tf.errors import InputError
from ofa_tf.progress import announce

_PROPERTIES = {
    "model": "ro.product.model",
    "manufacturer": "ro.product.manufacturer",
    "abi": "ro.product.cpu.abi",
    "os_build": "ro.build.fingerprint",
}
_MAX_ROUNDS = 6  # the fewest that give a confidence interval of 95 %
_MAX_REPEATS = 2  # of all rounds, for models whose latency is doubtful
_COARSE_US = 50.0  # medians are printed in whole microseconds: below this one, too coarse


@dataclasses.dataclass(frozen=True)
class PhoneSettings:
    """How a phone is used.

    Args:
        binary: `benchmark_model` for the phone's ABI; `None`: the one in the
            cache, see `find_benchmark_binary`.
        delegate: Who runs the operators, one of `DELEGATES`.
        cpu_mask: Cores that may run the model, as `taskset` takes them, such as `"f0"`.
        wait_s: How long to wait for a phone that is gone, seconds.
        min_run_s: How long each round of a model takes at least, and its warm-up
            likewise, seconds: a processor that was idle needs some time to reach
            its full clock.
        adb: The `adb` program.

    Raises:
        InputError: If a value is not allowed or there is no such binary.
    """

    binary: Path | None = None
    delegate: str = "xnnpack"
    cpu_mask: str | None = None
    wait_s: float = 0.0
    min_run_s: float = 0.1
    adb: str = "adb"

    def __post_init__(self) -> None:
        if self.delegate not in DELEGATES:
            raise InputError(f"Expected `delegate` to be one of {list(DELEGATES)}. Received: {self.delegate!r}.")
        if self.cpu_mask is not None:
            parse_cpu_mask(self.cpu_mask)
        if self.binary is not None and not self.binary.is_file():
            raise InputError(f"Expected benchmark_model for the phone. Received: no file at {self.binary}.")
        for name in ("wait_s", "min_run_s"):
            if not getattr(self, name) >= 0:
                raise InputError(f"Expected `{name}` to be at least 0 seconds. Received: {getattr(self, name)!r}.")


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
        settings: How to use it.
    """

    def __init__(self, serial: str | None = None, settings: PhoneSettings = PhoneSettings()) -> None:
        self.id = "adb" if serial is None else f"adb:{serial}"
        self._serial, self._settings = serial, settings
        self._found: str | None = None  # the serial, once it was there: from then on it is waited for

    def describe(self) -> dict[str, Any]:
        """Facts that latencies depend on.

        Raises:
            InputError: If the phone is not ready or there is no `benchmark_model` for it.
        """
        return self._describe(self._connect())

    def _connect(self) -> Adb:
        if self._found is None:
            self._found = find_phone(self._serial, self._settings.adb)
        adb = Adb(self._found, self._settings.wait_s, self._settings.adb)
        adb.wait()
        return adb

    def _describe(self, adb: Adb) -> dict[str, Any]:
        facts = {name: adb.shell("getprop", key).stdout.strip() for name, key in _PROPERTIES.items()}
        return {
            "device": self.id,
            "serial": adb.serial,
            **facts,
            "runtime": "benchmark_model",
            "runtime_sha256": hashlib.sha256(self._find_binary(facts["abi"]).read_bytes()).hexdigest(),
            "delegate": self._settings.delegate,
            "cpu_mask": self._settings.cpu_mask,
        }

    def _find_binary(self, abi: str) -> Path:
        return self._settings.binary or find_benchmark_binary(abi)

    def measure(
        self,
        models: Sequence[BenchmarkModel],
        settings: BenchmarkSettings,
        on_progress: Progress | None = None,
    ) -> list[Measurement]:
        """Measure models; see `Device.measure`.

        Raises:
            InputError: If the phone is not ready, is lost or lacks room, or there
                is no `benchmark_model` for it.
        """
        adb = self._connect()
        num_rounds = min(settings.rounds, _MAX_ROUNDS)
        flags = self._flags(settings, -(-settings.rounds * settings.num_runs // num_rounds))
        device = {
            **self._describe(adb),
            "num_threads": settings.num_threads,
            "rounds": num_rounds,
            "flags": flags,
            "before": read_condition(adb),
        }
        limit = TimeLimit(adb, settings.time_limit_s)
        with (
            install_benchmark_program(
                adb, self._find_binary(device["abi"]), self._settings.delegate, self._settings.cpu_mask
            ) as program,
            tempfile.TemporaryDirectory(prefix="ofa_tf_") as folder,
        ):
            runs = [
                _Runs(model, Path(folder) / f"{index}.tflite", program, flags, num_rounds, limit)
                for index, model in enumerate(models)
            ]
            _run_rounds(runs, num_rounds, limit, on_progress)
            with _losses_announced(adb.serial):
                for run in runs:
                    if settings.measure_peak_ram:
                        run.add_memory()
                    if settings.profile_operators:
                        run.add_operators()
        with _losses_announced(adb.serial):
            device["after"] = read_condition(adb.without_waiting())
        return [run.measurement(device) for run in runs]

    def _flags(self, settings: BenchmarkSettings, num_runs: int) -> list[str]:
        """How `benchmark_model` runs every model."""
        return [
            f"--num_threads={settings.num_threads}",
            f"--num_runs={num_runs}",
            f"--min_secs={self._settings.min_run_s:g}",
            f"--warmup_runs={max(settings.warmup_runs, 1)}",
            f"--warmup_min_secs={self._settings.min_run_s:g}",
        ]


def _run_rounds(runs: Sequence["_Runs"], num_rounds: int, limit: TimeLimit, on_progress: Progress | None) -> None:
    """All rounds of all models, in turns, and again of those whose latency is doubtful."""
    done, total, left = 0, num_rounds * len(runs), list(runs)

    def run_all() -> None:
        nonlocal done
        for _ in range(num_rounds):
            for run in left:
                run.add_round()
                done += 1
                if on_progress is not None:
                    on_progress(done, total)

    run_all()
    with _losses_announced("the phone"):
        for _ in range(_MAX_REPEATS):
            left = [run for run in left if run.error is None and run.doubt is not None]
            if not left or limit.left_s <= 0:
                return
            total += num_rounds * len(left)
            run_all()


@contextlib.contextmanager
def _losses_announced(phone: str) -> Iterator[None]:
    """Goes on without a phone that is lost: what was measured is worth more than what is missing."""
    try:
        yield
    except PhoneLostError as error:
        announce(f"{phone} was lost after all had been measured: {error}")


class _Runs:
    """The rounds of one model.

    Args:
        model: The model.
        spare: Where to write it if it is no file.
        program: Runs it.
        flags: How.
        num_rounds: Rounds that it should have.
        limit: For all models together.
    """

    def __init__(
        self,
        model: BenchmarkModel,
        spare: Path,
        program: BenchmarkProgram,
        flags: Sequence[str],
        num_rounds: int,
        limit: TimeLimit,
    ) -> None:
        self.error: str | None = None
        self._model, self._program, self._flags = model, program, flags
        self._num_rounds, self._limit = num_rounds, limit
        self._limit_reason = f"the time limit of {limit.seconds:g} s was reached"
        self._hot: list[BenchmarkOutput] = []  # of rounds on a phone that slowed itself down
        self._cool: list[BenchmarkOutput] = []
        self._cut: str | None = None
        self._operators: tuple[Operator, ...] = ()
        self._peak_ram_bytes: int | None = None
        self._remote: str | None = None  # once it was pushed
        if isinstance(model.content, bytes):
            spare.write_bytes(model.content)
        self._path = spare if isinstance(model.content, bytes) else model.content

    def add_round(self) -> None:
        """Run the model once more, or keep why that is not possible."""
        if self.error is not None:
            return
        num_before = len(self._outputs)
        try:
            if self._limit.left_s <= 0:
                raise TimeoutError
            is_hot = not cool_down(self._program.adb, self._limit.left_s)
            output = self._run()
            (self._hot if is_hot else self._cool).append(output)
        except PhoneLostError:
            raise
        except TimeoutError:
            if num_before == 0:
                self.error = self._limit_reason
            elif num_before < self._num_rounds:
                self._cut = self._cut or f"{self._limit_reason} in round {num_before + 1}"
        except InputError as error:
            if num_before < self._num_rounds:
                self.error = str(error)
            else:  # it was being repeated
                self._cut = str(error)

    def add_memory(self) -> None:
        """Measure the memory, in a call of its own: who watches it disturbs the runs."""
        output = self._run_aside("--report_peak_memory_footprint=true", "memory")
        self._peak_ram_bytes = None if output is None else output.peak_ram_bytes

    def add_operators(self) -> None:
        """Measure the operators, in a call of its own: it makes the runs slower."""
        what = "operator profile"
        output = self._run_aside("--enable_op_profiling=true", what)
        self._operators = () if output is None else output.operators
        if output is not None and not output.operators:
            announce(f"no {what} of {self._model.name}: benchmark_model printed none")

    def _run_aside(self, flag: str, what: str) -> BenchmarkOutput | None:
        if self.error is not None:
            return None
        try:
            return self._run(flag)
        except PhoneLostError:
            raise
        except TimeoutError:
            reason = self._limit_reason
        except InputError as error:
            reason = str(error)
        announce(f"no {what} of {self._model.name}: {reason}")
        return None

    def _run(self, *flags: str) -> BenchmarkOutput:
        if self._remote is None:
            try:
                sha256 = hashlib.sha256(self._path.read_bytes()).hexdigest()
            except OSError as error:
                raise InputError(f"Expected to read {self._path}. Received: {error}.") from error
            remote = f"{self._program.folder}/{sha256[:16]}.tflite"  # needs no quotes, whatever the file is called
            self._program.adb.push(self._path, remote)
            self._remote = remote
        return self._program.run(self._remote, [*self._flags, *flags, *self._shape_flags], self._limit)

    @functools.cached_property
    def _shape_flags(self) -> list[str]:
        shape = self._model.input_shape
        if shape is None:
            return []
        from ofa_tf.export.inference import create_interpreter

        tensor = create_interpreter(self._path.read_bytes(), str(self._path)).get_input_details()[0]
        return [f"--input_layer={tensor['name']}", f"--input_layer_shape={','.join(map(str, shape))}"]

    @property
    def _outputs(self) -> list[BenchmarkOutput]:
        return self._hot + self._cool

    @property
    def _counted(self) -> list[BenchmarkOutput]:
        """The rounds that count: the cool ones, unless most were hot."""
        return self._outputs if len(self._hot) > len(self._cool) else self._cool

    @property
    def _latencies_ms(self) -> list[float]:
        """Medians of the rounds; means, where there are none or they are too coarse."""
        medians_us = [output.median_us or 0.0 for output in self._counted]
        is_fine = min(medians_us) > 0 and np.median(medians_us) >= _COARSE_US
        return [us / 1000 for us in (medians_us if is_fine else [output.mean_us for output in self._counted])]

    @property
    def doubt(self) -> str | None:
        """Why the latency is not to be trusted: too few rounds, or too few on a cool phone, or rounds that differ."""
        if self._cut is not None:
            return self._cut
        if self._hot and len(self._cool) < self._num_rounds:
            return f"the phone was hot in {len(self._hot)} of {len(self._outputs)} rounds"
        return find_doubt(self._latencies_ms)

    def measurement(self, device: dict[str, Any]) -> Measurement:
        """The median of the rounds."""
        if self.error is not None:
            return Measurement(self._model.name, None, device=device, error=self.error)
        latency_ms = float(np.median(self._latencies_ms))
        low_ms, high_ms = median_interval(self._latencies_ms)
        p5_ms, p95_ms = self._percentiles_ms()
        return Measurement(
            model=self._model.name,
            latency_ms=latency_ms,
            latency_low_ms=low_ms,
            latency_high_ms=high_ms,
            latency_p5_ms=min(p5_ms, latency_ms),  # they are whole microseconds
            latency_p95_ms=max(p95_ms, latency_ms),
            num_runs=sum(output.num_runs for output in self._counted),
            peak_ram_bytes=self._peak_ram_bytes,
            num_partitions=self._counted[-1].num_partitions,
            device=device,
            operators=[dataclasses.asdict(operator) for operator in self._operators] or None,
            doubt=self.doubt,
        )

    def _percentiles_ms(self) -> tuple[float, float]:
        """5th and 95th percentile of the runs: the rounds' median, or of the rounds if the program prints none."""
        pairs = [(output.p5_us, output.p95_us) for output in self._counted]
        known = [(p5, p95) for p5, p95 in pairs if p5 is not None and p95 is not None]
        if len(known) < len(pairs):
            p5_ms, p95_ms = np.percentile(self._latencies_ms, [5, 95])
        else:
            p5_ms, p95_ms = np.median(known, axis=0) / 1000
        return float(p5_ms), float(p95_ms)
