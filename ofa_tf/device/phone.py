"""`PhoneDevice`: measuring on an Android phone, with `benchmark_model` over adb."""

import contextlib
import dataclasses
import hashlib
import re
import shlex
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.device.adb import Adb, PhoneLostError, ShellResult, find_phone
from ofa_tf.device.benchmark_binary import find_benchmark_binary
from ofa_tf.device.benchmark_output import BenchmarkOutput, Operator, parse_benchmark_output
from ofa_tf.device.device import BenchmarkModel, BenchmarkSettings, Measurement, Progress
from ofa_tf.device.robust import find_doubt, median_interval
from ofa_tf.errors import InputError
from ofa_tf.progress import announce

DELEGATES = ("xnnpack", "gpu", "nnapi", "none")
_FLAGS = {
    "xnnpack": ("--use_xnnpack=true",),
    "gpu": ("--use_gpu=true",),
    "nnapi": ("--use_nnapi=true",),
    "none": ("--use_xnnpack=false",),
}
_PROPERTIES = {
    "model": "ro.product.model",
    "manufacturer": "ro.product.manufacturer",
    "abi": "ro.product.cpu.abi",
    "os_build": "ro.build.fingerprint",
}
_DELEGATE_NAMES = {"gpu": "gpu", "nnapi": "nnapi"}  # that their names contain, in what benchmark_model prints
_FOLDER = "/data/local/tmp"
_PREFIX = "ofa_tf_"
_OLD_MINUTES = 60
_KILLED = {137: "was killed (perhaps out of memory)", 139: "crashed (SIGSEGV)", 134: "gave up (SIGABRT)"}
_MAX_ROUNDS = 6  # the fewest that give a confidence interval of 95 %
_CALL_S = 300.0  # that a call of benchmark_model may take: a model that hangs shall not use up the time of all
_MAX_REPEATS = 2  # of all rounds, for models whose latency is doubtful
_MAX_THERMAL_STATUS = 1  # Android's "light": higher ones slow the processor down
_SECONDS_BETWEEN_LOOKS = 5.0
_COOL_DOWN_S = 120.0  # that a hot phone is waited for before each run


@dataclasses.dataclass(frozen=True)
class PhoneSettings:
    """How a phone is used.

    Args:
        binary: `benchmark_model` for the phone's ABI; `None`: the one in the
            cache, see `find_benchmark_binary`.
        delegate: Who runs the operators, one of `DELEGATES`.
        cpu_mask: Cores that may run the model, as `taskset` takes them, such as `"f0"`.
        wait_s: How long to wait for a phone that is gone, seconds.
        adb: The `adb` program.

    Raises:
        InputError: If a value is not allowed or there is no such binary.
    """

    binary: Path | None = None
    delegate: str = "xnnpack"
    cpu_mask: str | None = None
    wait_s: float = 0.0
    adb: str = "adb"

    def __post_init__(self) -> None:
        if self.delegate not in DELEGATES:
            raise InputError(f"Expected `delegate` to be one of {list(DELEGATES)}. Received: {self.delegate!r}.")
        if self.cpu_mask is not None and not re.fullmatch("[0-9a-fA-F]+", self.cpu_mask):
            raise InputError(f"Expected `cpu_mask` to be a hexadecimal number such as f0. Received: {self.cpu_mask!r}.")
        if self.binary is not None and not self.binary.is_file():
            raise InputError(f"Expected benchmark_model for the phone. Received: no file at {self.binary}.")
        if not self.wait_s >= 0:
            raise InputError(f"Expected `wait_s` to be at least 0 seconds. Received: {self.wait_s!r}.")


class PhoneDevice:
    """An Android phone.

    Each model is run by a process of its own, whose start takes longer than some
    runs: rounds are bundled into at most six, each with more runs, which are
    interleaved, so that a warming phone slows all models alike. Models whose
    rounds differ, or of which most rounds ran on a hot phone, are measured again,
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
        device = {**self._describe(adb), "num_threads": settings.num_threads, "before": _read_condition(adb)}
        num_rounds = min(settings.rounds, _MAX_ROUNDS)
        num_runs = -(-settings.rounds * settings.num_runs // num_rounds)
        settings = dataclasses.replace(settings, rounds=num_rounds, num_runs=num_runs)
        deadline = time.monotonic() + settings.time_limit_s
        done, total = 0, num_rounds * len(models)
        _remove_old_folders(adb)
        with (
            _remote_folder(adb, self._settings.adb) as folder,
            tempfile.TemporaryDirectory(prefix="ofa_tf_") as local_folder,
        ):
            adb.push(self._find_binary(device["abi"]), f"{folder}/benchmark_model")
            adb.shell("chmod", "755", f"{folder}/benchmark_model")
            runs = [_Runs(model, Path(local_folder) / f"{index}.tflite") for index, model in enumerate(models)]
            left = list(runs)
            for _ in range(1 + _MAX_REPEATS):
                for _ in range(num_rounds):
                    for run in left:
                        self._add_round(run, adb, folder, settings, deadline)
                        done += 1
                        if on_progress is not None:
                            on_progress(done, total)
                left = [run for run in left if run.error is None and run.doubt is not None]
                if not left or time.monotonic() >= deadline:
                    break
                total += num_rounds * len(left)
            with contextlib.suppress(PhoneLostError):  # what was measured is worth more
                for run in runs if settings.profile_operators else []:
                    self._add_profile(run, adb, folder, settings, deadline)
        with contextlib.suppress(PhoneLostError):
            device["after"] = _read_condition(adb)
        return [run.measurement(device) for run in runs]

    def _add_round(self, runs: "_Runs", adb: Adb, folder: str, settings: BenchmarkSettings, deadline: float) -> None:
        """Run a model once more, or record why that is not possible."""
        if runs.error is not None:
            return
        try:
            is_hot = not _cool_down(adb, deadline)
            remote = runs.remote(folder)
            adb.push(runs.path, remote)
            output = self._run(adb, folder, self._flags(runs, remote, settings), deadline)
            (runs.hot if is_hot else runs.cool).append(output)
        except PhoneLostError:
            raise
        except TimeoutError:
            reason = f"the time limit of {settings.time_limit_s:g} s was reached"
            if not runs.outputs:
                runs.error = reason
            elif len(runs.outputs) < settings.rounds:
                runs.cut = f"{reason} in round {len(runs.outputs) + 1}"
        except InputError as error:
            if len(runs.outputs) < settings.rounds:
                runs.error = str(error)
            else:  # it was being repeated
                runs.cut = str(error)

    def _add_profile(self, runs: "_Runs", adb: Adb, folder: str, settings: BenchmarkSettings, deadline: float) -> None:
        """Measure the operators, which makes the runs slower: in a call of its own, whose latency does not count."""
        if runs.error is not None:
            return
        try:
            flags = [*self._flags(runs, runs.remote(folder), settings), "--enable_op_profiling=true"]
            runs.operators = list(self._run(adb, folder, flags, deadline).operators)
            reason = "" if runs.operators else "benchmark_model printed none"
        except PhoneLostError:
            raise
        except TimeoutError:
            reason = f"the time limit of {settings.time_limit_s:g} s was reached"
        except InputError as error:
            reason = str(error)
        if reason:
            announce(f"no operator profile of {runs.model.name}: {reason}")

    def _flags(self, runs: "_Runs", remote: str, settings: BenchmarkSettings) -> list[str]:
        return [
            f"--graph={remote}",
            f"--num_threads={settings.num_threads}",
            f"--num_runs={settings.num_runs}",
            f"--warmup_runs={max(settings.warmup_runs, 1)}",
            "--warmup_min_secs=0",
            "--min_secs=0",
            *_FLAGS[self._settings.delegate],
            *_shape_flags(runs.path, runs.model.input_shape),
            *(["--report_peak_memory_footprint=true"] if settings.measure_peak_ram else []),
        ]

    def _run(self, adb: Adb, folder: str, flags: Sequence[str], deadline: float) -> BenchmarkOutput:
        """One call of the program.

        Raises:
            InputError: If it fails.
            TimeoutError: If it does not end in time.
        """
        mask = [] if self._settings.cpu_mask is None else ["taskset", self._settings.cpu_mask]
        command = shlex.join([*mask, f"{folder}/benchmark_model", *flags])
        # The number of the process, as stopping adb does not stop it.
        # If the connection is cut, the program goes on; the attempt that follows ends it first.
        script = (
            f'{_kill(folder)}; sh -c \'echo $$ > "$0"; exec "$@"\' {folder}/process {command}; '
            f"status=$?; rm -f {folder}/process; (exit $status)"
        )
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        try:
            result = adb.run_script(script, min(left_s, _CALL_S))
        except TimeoutError:
            adb.run_script(_kill(folder))
            if left_s < _CALL_S:
                raise
            raise InputError(
                f"Expected benchmark_model to finish within {_CALL_S:g} s. Received: it was still running."
            ) from None
        if result.status in _KILLED:
            raise InputError(f"Expected benchmark_model to finish. Received: it {_KILLED[result.status]}.")
        text = f"{result.stdout}\n{result.stderr}"
        optional = {"report_peak_memory_footprint"}
        if self._settings.delegate == "xnnpack" and "XNNPACK delegate" in text:
            # LiteRT's tool takes it by itself and does not know the flag.
            optional.add("use_xnnpack")
        needed = {flag[2:].split("=")[0] for flag in flags} - optional
        output = parse_benchmark_output(text, needed)
        _check_delegate(text, self._settings.delegate)
        if result.status != 0:
            raise InputError(f"Expected benchmark_model to succeed. Received: exit status {result.status}.")
        return output


class _Runs:
    """The rounds of one model."""

    def __init__(self, model: BenchmarkModel, spare: Path) -> None:
        self.model = model
        self.hot: list[BenchmarkOutput] = []  # of rounds on a phone that slowed itself down
        self.cool: list[BenchmarkOutput] = []
        self.cut: str | None = None
        self.operators: list[Operator] = []
        self.error: str | None = None
        self.path = spare if isinstance(model.content, bytes) else model.content
        if isinstance(model.content, bytes):
            spare.write_bytes(model.content)
        self.sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest()

    def remote(self, folder: str) -> str:
        """Path on the phone, which needs no quotes."""
        return f"{folder}/{self.sha256[:16]}.tflite"

    @property
    def outputs(self) -> list[BenchmarkOutput]:
        """All rounds."""
        return self.hot + self.cool

    @property
    def _counted(self) -> list[BenchmarkOutput]:
        """The rounds that count: the cool ones, unless most were hot."""
        return self.outputs if len(self.hot) > len(self.cool) else self.cool

    @property
    def _latencies_ms(self) -> np.ndarray:
        return np.array([output.median_us or output.mean_us for output in self._counted]) / 1000

    @property
    def doubt(self) -> str | None:
        """Why the latency is not to be trusted: too few rounds, or too few on a cool phone, or rounds that differ."""
        if self.cut is not None:
            return self.cut
        if len(self.hot) > len(self.cool):
            return f"the phone was hot in {len(self.hot)} of {len(self.outputs)} rounds"
        return find_doubt(list(self._latencies_ms))

    def measurement(self, device: dict[str, Any]) -> Measurement:
        """The median of the rounds."""
        if self.error is not None:
            return Measurement(self.model.name, None, device=device, error=self.error)
        p5, median, p95 = np.percentile(self._latencies_ms, [5, 50, 95])
        low_ms, high_ms = median_interval(list(self._latencies_ms))
        peaks = [output.peak_ram_bytes for output in self._counted if output.peak_ram_bytes is not None]
        return Measurement(
            model=self.model.name,
            latency_ms=float(median),
            latency_low_ms=low_ms,
            latency_high_ms=high_ms,
            latency_p5_ms=float(p5),
            latency_p95_ms=float(p95),
            num_runs=sum(output.num_runs for output in self._counted),
            peak_ram_bytes=max(peaks) if peaks else None,
            num_partitions=self._counted[-1].num_partitions,
            device=device,
            operators=[dataclasses.asdict(operator) for operator in self.operators] or None,
            doubt=self.doubt,
        )


def _read_condition(adb: Adb) -> dict[str, Any]:
    """Temperature, battery and frequency of a phone, as far as it tells them."""
    thermal = _search(r"Thermal Status: (\d+)", adb.shell("dumpsys", "thermalservice"))
    battery = adb.shell("dumpsys", "battery")
    temperature, level = _search(r"temperature: (-?\d+)", battery), _search(r"level: (\d+)", battery)
    script = "for f in /sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq; do echo $f $(cat $f); done"
    frequencies = re.findall(r"/cpu(\d+)/cpufreq/scaling_cur_freq (\d+)", adb.run_script(script).stdout)
    return {
        "thermal_status": thermal,  # Android's, from 0 (none) to 6 (shutdown)
        "battery_celsius": None if temperature is None else temperature / 10,
        "battery_percent": level,
        "cpu_mhz": {core: int(kilohertz) / 1000 for core, kilohertz in frequencies} or None,  # of each core
    }


def _search(pattern: str, result: ShellResult) -> int | None:
    match = re.search(pattern, result.stdout) if result.status == 0 else None
    return int(match.group(1)) if match else None


def _cool_down(adb: Adb, deadline: float) -> bool:
    """Wait while the phone slows itself down for its heat; returns whether it is cool now."""
    end, is_announced = min(deadline, time.monotonic() + _COOL_DOWN_S), False
    while True:
        status = _search(r"Thermal Status: (\d+)", adb.shell("dumpsys", "thermalservice"))
        if status is None or status <= _MAX_THERMAL_STATUS:
            return True
        if time.monotonic() >= end:
            return False
        if not is_announced:
            announce(f"{adb.serial} is hot (thermal status {status}); waiting for it to cool down")
            is_announced = True
        time.sleep(_SECONDS_BETWEEN_LOOKS)


@contextlib.contextmanager
def _remote_folder(adb: Adb, program: str) -> Iterator[str]:
    """A new folder on the phone, which is removed with all that runs from it."""
    folder = f"{_FOLDER}/{_PREFIX}{uuid.uuid4().hex[:12]}"
    try:
        result = adb.shell("mkdir", "-p", folder)
        if result.status != 0:
            raise InputError(
                f"Expected to make the folder {folder} on the phone. "
                f"Received: {(result.stderr or result.stdout).strip()}."
            )
        yield folder
    finally:
        with contextlib.suppress(InputError, TimeoutError):  # of a phone that is gone, which is not waited for
            Adb(adb.serial, 0, program).run_script(f"{_kill(folder)}; rm -rf {folder}")


def _remove_old_folders(adb: Adb) -> None:
    """Remove what calls left whose phone was lost; one that is at work changes its folder all the time."""
    adb.run_script(f"find {_FOLDER} -maxdepth 1 -name '{_PREFIX}*' -mmin +{_OLD_MINUTES} -exec rm -rf {{}} +")


def _check_delegate(text: str, delegate: str) -> None:
    """Check that a delegate took the model, or a part of it: without one, the CPU runs it.

    Raises:
        InputError: If it did not.
    """
    if delegate not in _DELEGATE_NAMES:
        return
    taken = re.findall(r"Replacing \d+ out of \d+ node\(s\) with delegate \((\w+)\)", text)
    refused = re.search(r".*(?:will not be executed by the delegate|is unsupported on this platform).*", text)
    if refused or (taken and not any(_DELEGATE_NAMES[delegate] in name.lower() for name in taken)):
        line = refused.group().strip() if refused else f"the delegates {', '.join(sorted(set(taken)))}"
        raise InputError(f"Expected the {delegate} delegate to run the model. Received: {line!r}.")


def _shape_flags(path: Path, shape: Sequence[int] | None) -> list[str]:
    if shape is None:
        return []
    from ofa_tf.export.inference import create_interpreter

    (tensor,) = create_interpreter(path.read_bytes(), str(path)).get_input_details()
    return [f"--input_layer={tensor['name']}", f"--input_layer_shape={','.join(map(str, shape))}"]


def _kill(folder: str) -> str:
    """A script that ends the program of a folder."""
    return f"kill -9 $(cat {folder}/process 2>/dev/null) 2>/dev/null"
