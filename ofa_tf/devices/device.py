"""`Device`: something that runs TFLite models and says how long they take."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ofa_tf.base.errors import InputError

if TYPE_CHECKING:
    from ofa_tf.devices.android.phone_device import PhoneSettings

Progress = Callable[[int, int], None]  # steps done, steps in all


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
        smallest = {"num_threads": 1, "warmup_runs": 0, "num_runs": 1, "rounds": 1, "max_loaded_models": 1}
        for name, minimum in smallest.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
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
        device: Facts about device, runtime and settings, as they were in fact: a
            phone bundles rounds, and its `flags` are what `benchmark_model` was given
            besides delegate and model.
        operators: Operator profile: `kind`, `name`, `mean_ms` and `is_in_delegate`
            of each, see `benchmark_output.Operator`; `None` if there is none.
        doubt: Why the latency is not to be trusted, such as a hot phone; `None` if
            it is.
        error: Why the model could not be measured; `None` if it could.
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


class Device(Protocol):
    """What every device can do."""

    @property
    def id(self) -> str:
        """How a user names the device, such as `"host"`."""

    def describe(self) -> dict[str, Any]:
        """Facts that latencies depend on: model, ABI, OS build, runtime version and hash, delegate."""

    def measure(
        self,
        models: Sequence[BenchmarkModel],
        settings: BenchmarkSettings,
        on_progress: Progress | None = None,
    ) -> list[Measurement]:
        """Measure models; one `Measurement` each, in order.

        A model that fails is recorded with its reason and the others go on.

        Raises:
            InputError: If the device cannot measure at all.
        """


def get_device(device_id: str, phone: "PhoneSettings | None" = None) -> Device:
    """Look up a device.

    Args:
        device_id: `"host"`, `"adb"` (the only phone) or `"adb:SERIAL"`. A phone
            need not be connected before it is used.
        phone: How to use a phone.

    Raises:
        InputError: If the id has another form.
    """
    from ofa_tf.devices.android.phone_device import PhoneDevice, PhoneSettings
    from ofa_tf.devices.host.host_device import HostDevice

    kind, separator, serial = device_id.partition(":")
    if device_id == "host":
        return HostDevice()
    if kind == "adb" and bool(separator) == bool(serial):
        return PhoneDevice(serial or None, phone or PhoneSettings())
    raise InputError(f"Expected the device to be host, adb or adb:SERIAL. Received: {device_id!r}.")
