"""`PhoneSettings`: how a phone is used."""

import dataclasses
from pathlib import Path

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android.benchmark_model.binary import find_benchmark_binary
from ofa_tf.devices.android.benchmark_model.delegates import DELEGATES
from ofa_tf.devices.cpu_affinity import parse_cpu_mask


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
            seconds = getattr(self, name)
            if not seconds >= 0:
                raise InputError(f"Expected `{name}` to be at least 0 seconds. Received: {seconds!r}.")

    def find_binary(self, abi: str) -> Path:
        """`benchmark_model` for a phone of an ABI.

        Raises:
            InputError: If none is named and there is none in the cache.
        """
        return self.binary or find_benchmark_binary(abi)
