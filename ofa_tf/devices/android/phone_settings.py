"""`PhoneSettings`: how a phone is used."""

import dataclasses
import functools
from pathlib import Path

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android.benchmark_model.benchmark_tool import BenchmarkTool
from ofa_tf.devices.android.benchmark_model.benchmark_tools import BENCHMARK_TOOLS, TFLITE, check_is_tool, tool_of_file
from ofa_tf.devices.android.benchmark_model.binary import find_benchmark_binary
from ofa_tf.devices.android.benchmark_model.delegates import (
    AUTOMATIC_PRECISION,
    DELEGATE_NAMES,
    GPU_PRECISIONS,
    XNNPACK,
    Delegate,
)
from ofa_tf.devices.cpu_affinity import parse_cpu_mask


@dataclasses.dataclass(frozen=True)
class PhoneSettings:
    """How a phone is used.

    Args:
        binary: `benchmark_model` for the phone's ABI; `None`: the one in the
            cache, see `find_benchmark_binary`.
        delegate: Who runs the operators, one of `DELEGATE_NAMES`; not every program has each.
        cpu_mask: Cores that may run the model, as `taskset` takes them, such as `"f0"`.
        wait_s: How long to wait for a phone that is gone, seconds.
        min_run_s: How long each round of a model takes at least, and its warm-up
            likewise, seconds: a processor that was idle needs some time to reach
            its full clock.
        adb: The `adb` program.
        tool: Which of the programs called `benchmark_model`, one of `BENCHMARK_TOOLS`;
            `None`: what `binary` is, else TensorFlow Lite's.
        gpu_precision: How exactly a GPU computes, one of `GPU_PRECISIONS`.

    Raises:
        InputError: If a value is not allowed, there is no such binary or it is another program.
    """

    binary: Path | None = None
    delegate: str = XNNPACK
    cpu_mask: str | None = None
    wait_s: float = 0.0
    min_run_s: float = 0.1
    adb: str = "adb"
    tool: str | None = None
    gpu_precision: str = AUTOMATIC_PRECISION

    def __post_init__(self) -> None:
        for name, allowed in (("delegate", DELEGATE_NAMES), ("gpu_precision", GPU_PRECISIONS)):
            value = getattr(self, name)
            if value not in allowed:
                raise InputError(f"Expected `{name}` to be one of {list(allowed)}. Received: {value!r}.")
        if self.cpu_mask is not None:
            parse_cpu_mask(self.cpu_mask)
        if self.binary is not None and not self.binary.is_file():
            found = "a folder" if self.binary.is_dir() else "no file"
            raise InputError(
                f"Expected benchmark_model for the phone. Received: {found} at {self.binary}. "
                "tools/benchmark.py --fetch_benchmark_binary=arm64-v8a gets one."
            )
        for name in ("wait_s", "min_run_s"):
            seconds = getattr(self, name)
            if not seconds >= 0:
                raise InputError(f"Expected `{name}` to be at least 0 seconds. Received: {seconds!r}.")
        self._check_program()

    @functools.cached_property
    def benchmark_tool(self) -> BenchmarkTool:
        """Which program runs the models."""
        if self.tool is not None:
            return BENCHMARK_TOOLS[self.tool]
        return TFLITE if self.binary is None else tool_of_file(self.binary)

    @property
    def benchmark_delegate(self) -> Delegate:
        """The delegate, as the program is asked for it."""
        return self.benchmark_tool.delegate(self.delegate, self.gpu_precision)

    def _check_program(self) -> None:
        """Check that the binary is the program that was named, and has the delegate.

        Raises:
            InputError: If not.
        """
        if self.binary is not None and self.tool is not None:
            check_is_tool(self.binary, self.benchmark_tool)
        _ = self.benchmark_delegate  # raises if the program has none of that name

    def find_binary(self, abi: str) -> Path:
        """`benchmark_model` for a phone of an ABI.

        Raises:
            InputError: If none is named and there is none in the cache.
        """
        return self.binary or find_benchmark_binary(abi, self.benchmark_tool)
