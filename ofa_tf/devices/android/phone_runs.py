"""`PhoneRuns`: the rounds of one model on a phone, and what they come to."""

import dataclasses
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce
from ofa_tf.devices.android.adb import PhoneLostError
from ofa_tf.devices.android.benchmark_output import BenchmarkOutput, Operator
from ofa_tf.devices.android.benchmark_program import BenchmarkProgram, TimeLimit
from ofa_tf.devices.android.phone_condition import cool_down
from ofa_tf.devices.device import BenchmarkModel, Measurement
from ofa_tf.devices.run_statistics import find_doubt, median_interval

_COARSE_US = 50.0  # medians are printed in whole microseconds: below this one, too coarse


class PhoneRuns:
    """The rounds of one model.

    Args:
        model: The model.
        spare: Where to write it if it is no file.
        program: Runs it.
        flags: How.
        num_rounds: Rounds that it should have.
        limit: For all models together.

    Attributes:
        error: Why the model cannot be measured; `None` if it can.
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
        from ofa_tf.tflite.litert.interpreter import create_interpreter

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
