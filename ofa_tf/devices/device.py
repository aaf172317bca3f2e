"""`Device`: something that runs TFLite models and says how long they take."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from ofa_tf.base.errors import InputError
from ofa_tf.devices.device_facts import DeviceFacts
from ofa_tf.devices.run_statistics import RunSummary

Progress = Callable[[int, int], None]  # steps done, steps in all

_SMALLEST_SETTINGS = {
    "num_threads": 1,
    "warmup_runs": 0,
    "num_runs": 1,
    "rounds": 1,
    "max_loaded_models": 1,
}


@dataclasses.dataclass(frozen=True)
class BenchmarkSettings:
    """How to measure.

    Runs are interleaved: each round runs every model, so that a slow spell of
    the machine hits all models alike. A large list is loaded in groups, and all
    groups are visited in turn several times, for the same reason.

    Args:
        num_threads: Threads of the interpreter.
        warmup_runs: Runs of a model before its measured runs of a round; they
            do not count. 0 measures a model as it comes, after the others ran.
        num_runs: Measured runs of a model in a round.
        rounds: Number of rounds, at least.
        min_time_s: Rounds go on until the whole measurement has taken this
            long, seconds: fast models need many rounds to outlast the spells.
        max_loaded_models: Models kept in memory at a time.
        measure_peak_ram: Whether to run each model once in a process of its own
            to see its memory.
        time_limit_s: Limit for all models together, seconds.
        profile_operators: Whether to measure the operators of each model, too, in
            a run of their own; only phones can.

    Raises:
        InputError: If a number is too small.
    """

    num_threads: int = 1
    warmup_runs: int = 2
    num_runs: int = 10
    rounds: int = 10
    min_time_s: float = 1.0
    max_loaded_models: int = 100
    measure_peak_ram: bool = True
    time_limit_s: float = 600.0
    profile_operators: bool = False

    def __post_init__(self) -> None:
        for name, minimum in _SMALLEST_SETTINGS.items():
            value = getattr(self, name)
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            if not is_whole or value < minimum:
                raise InputError(f"Expected `{name}` to be a whole number of at least {minimum}. Received: {value!r}.")
        if not self.min_time_s >= 0:
            raise InputError(f"Expected `min_time_s` to be at least 0 seconds. Received: {self.min_time_s!r}.")
        if not self.time_limit_s > self.min_time_s:
            raise InputError(
                f"Expected `time_limit_s` to be above `min_time_s`, {self.min_time_s:g} seconds. "
                f"Received: {self.time_limit_s!r}."
            )

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON-serialisable data."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class BenchmarkModel:
    """A TFLite model to measure.

    Args:
        name: Name in results and messages.
        content: Content of the file, or its path.
        input_shape: Shape to give the first input before measuring; `None` keeps
            the model's own.
    """

    name: str
    content: bytes | Path
    input_shape: tuple[int, ...] | None = None

    def as_file(self, spare: Path) -> Path:
        """The file of the model; if it is in no file yet, it is written to `spare`."""
        if isinstance(self.content, bytes):
            spare.write_bytes(self.content)
            return spare
        return Path(self.content)


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What measuring one model gave.

    Args:
        model: Name of the model.
        latency_ms: Median over the runs that count, milliseconds; `None` if the
            model could not be measured.
        latency_low_ms: Lower end of the median's 95 % confidence interval; with
            fewer than six rounds, the smallest, which is less sure.
        latency_high_ms: Upper end.
        latency_p5_ms: 5th percentile of the runs that count.
        latency_p95_ms: 95th percentile of the runs that count.
        num_runs: Number of runs that count.
        num_disturbed_runs: Number of runs left out because something else
            slowed the machine down meanwhile.
        peak_ram_bytes: Memory that loading and running the model took (on phones,
            all that the process took), or `None` if that is not known.
        num_partitions: Number of parts that the delegate took over (1 is best); on
            phones also those left to the CPU. `None` if that is not known.
        device: The `DeviceFacts` as data, with the settings as they were in fact: a
            phone bundles rounds.
        operators: Operator profile: `kind`, `name`, `mean_ms` and `is_in_delegate`
            of each operator; `None` if there is none.
        doubt: Why the latency is not to be trusted, such as a hot phone; `None` if
            it is.
        error: Why the model could not be measured; `None` if it could.
        model_sha256: Hash of the model's file; `None` if it was not kept.
        output_error: Largest difference of what the device computes from what this computer
            computes, over the largest output; `None` if it was not looked at.
    """

    model: str
    latency_ms: float | None
    latency_low_ms: float | None = None
    latency_high_ms: float | None = None
    latency_p5_ms: float | None = None
    latency_p95_ms: float | None = None
    num_runs: int = 0
    num_disturbed_runs: int = 0
    peak_ram_bytes: int | None = None
    num_partitions: int | None = None
    device: dict[str, Any] = dataclasses.field(default_factory=dict)
    operators: list[dict[str, Any]] | None = None
    doubt: str | None = None
    error: str | None = None
    model_sha256: str | None = None
    output_error: float | None = None

    def describe(self) -> str:
        """The latency in words, with what is known of its spread, or why there is none."""
        if self.latency_ms is None:
            return f"not measured: {self.error}"
        words = f"{self.latency_ms:.3f} ms"
        has_spread = None not in (self.latency_low_ms, self.latency_high_ms, self.latency_p5_ms, self.latency_p95_ms)
        if has_spread:  # A device of a user's own need not know it.
            words += (
                f" (median of {self.num_runs} runs; "
                f"confidence interval {self.latency_low_ms:.3f}-{self.latency_high_ms:.3f}; "
                f"5% {self.latency_p5_ms:.3f}, 95% {self.latency_p95_ms:.3f})"
            )
        if self.doubt:
            words += f" DOUBTFUL: {self.doubt}"
        return words

    @classmethod
    def failed(
        cls,
        model: str,
        device: DeviceFacts,
        error: str,
    ) -> "Measurement":
        """That of a model that could not be measured."""
        return cls(model, None, device=device.to_dict(), error=error)

    @classmethod
    def of_runs(
        cls,
        model: str,
        device: DeviceFacts,
        summary: RunSummary,
        *,
        peak_ram_bytes: int | None = None,
        num_partitions: int | None = None,
        operators: list[dict[str, Any]] | None = None,
    ) -> "Measurement":
        """That of a model that ran; see the arguments of the class."""
        return cls(
            model=model,
            latency_ms=summary.median_ms,
            latency_low_ms=summary.low_ms,
            latency_high_ms=summary.high_ms,
            latency_p5_ms=summary.p5_ms,
            latency_p95_ms=summary.p95_ms,
            num_runs=summary.num_runs,
            num_disturbed_runs=summary.num_disturbed_runs,
            peak_ram_bytes=peak_ram_bytes,
            num_partitions=num_partitions,
            device=device.to_dict(),
            operators=operators,
            doubt=summary.doubt,
        )


class Device(Protocol):
    """What every device can do.

    Nothing else in the code asks which kind of device it has; see `opening` for how
    a kind becomes known.
    """

    @property
    def id(self) -> str:
        """How a user names the device, such as `"host"`; the fact `device` is the same."""

    @property
    def facts_that_tell_tables_apart(self) -> tuple[str, ...]:
        """Names of the facts in which a latency table must agree with the one that it replaces.

        A table that differs in one of them is still of use, and shall not be lost.
        """

    def known_facts(self) -> DeviceFacts:
        """The facts that are known without reaching the device; all others are `None`.

        Tables of a device are used while it is not at hand, as phones usually are.
        """

    def describe(self) -> DeviceFacts:
        """Facts that latencies depend on: model, ABI, OS build, runtime version and hash, delegate.

        Raises:
            InputError: If the device is not reached, or lacks what it measures with.
        """

    def measure(
        self,
        models: Sequence[BenchmarkModel],
        settings: BenchmarkSettings,
        on_progress: Progress | None = None,
    ) -> list[Measurement]:
        """Measure models; one `Measurement` each, in order.

        A model that fails is recorded with its reason and the others go on. Each measurement
        has the facts of `describe`, and what was measured with, as its `device`:
        `dataclasses.replace(self.describe(), num_threads=...).to_dict()`.

        Raises:
            InputError: If the device cannot measure at all.
        """


def check_facts(device: Device, measurements: Sequence[Measurement]) -> None:
    """Check that measurements say on which device they were made, without which no table of them is of use.

    Raises:
        InputError: If one does not.
    """
    for measurement in measurements:
        if not measurement.device.get("device"):
            raise InputError(
                f"Expected the measurements of the device {device.id} to have its facts, `describe().to_dict()`, as "
                f"their `device`. Received: {measurement.device} in that of {measurement.model}. Mend its measure()."
            )
