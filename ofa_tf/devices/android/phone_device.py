"""`PhoneDevice`: measuring on an Android phone, with `benchmark_model` over adb."""

import contextlib
import dataclasses
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce
from ofa_tf.devices.android.adb import Adb, PhoneLostError, find_phone
from ofa_tf.devices.android.benchmark_binary import find_benchmark_binary
from ofa_tf.devices.android.benchmark_program import DELEGATES, TimeLimit, install_benchmark_program
from ofa_tf.devices.android.phone_condition import read_condition
from ofa_tf.devices.android.phone_runs import PhoneRuns
from ofa_tf.devices.cpu_affinity import parse_cpu_mask
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Measurement, Progress

_PROPERTIES = {
    "model": "ro.product.model",
    "manufacturer": "ro.product.manufacturer",
    "abi": "ro.product.cpu.abi",
    "os_build": "ro.build.fingerprint",
    "hardware_serial": "ro.serialno",  # of the phone, whatever way adb reaches it
}
_MAX_ROUNDS = 6  # the fewest that give a confidence interval of 95 %
_MAX_REPEATS = 2  # of all rounds, for models whose latency is doubtful


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
            raise InputError(
                f"Expected benchmark_model for the phone. Received: no file at {self.binary}. "
                "tools/benchmark.py --fetch_benchmark_binary=arm64-v8a gets one."
            )
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
                PhoneRuns(model, Path(folder) / f"{index}.tflite", program, flags, num_rounds, limit)
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


def _run_rounds(runs: Sequence[PhoneRuns], num_rounds: int, limit: TimeLimit, on_progress: Progress | None) -> None:
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
