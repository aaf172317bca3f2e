"""`PhoneRuns`: the runs of one model on a phone, round by round."""

import dataclasses
import hashlib
from collections.abc import Sequence

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce
from ofa_tf.devices.android.adb_program import PhoneLostError
from ofa_tf.devices.android.benchmark_model.benchmark_output import BenchmarkOutput
from ofa_tf.devices.android.benchmark_model.benchmark_tool import ModelFiles, read_model
from ofa_tf.devices.android.benchmark_model.operator_profile import Operator
from ofa_tf.devices.android.benchmark_model.program import BenchmarkProgram
from ofa_tf.devices.android.phone_condition import cool_down
from ofa_tf.devices.android.round_outputs import RoundOutputs
from ofa_tf.devices.android.time_limit import TimeLimit
from ofa_tf.devices.device import BenchmarkModel, Measurement
from ofa_tf.devices.device_facts import DeviceFacts

_HASH_LENGTH_IN_NAMES = 16


@dataclasses.dataclass(frozen=True)
class RunPlan:
    """How all models of a measurement are run.

    Args:
        flags: What `benchmark_model` is given besides model and delegate.
        num_rounds: Rounds that each model should have.
        limit: For all models together.
    """

    flags: list[str]
    num_rounds: int
    limit: TimeLimit


class PhoneRuns:
    """The runs of one model.

    Args:
        model: The model.
        files: Have its file.
        program: Runs it.
        plan: How.

    Attributes:
        error: Why the model cannot be measured; `None` if it can.
    """

    def __init__(
        self,
        model: BenchmarkModel,
        files: ModelFiles,
        program: BenchmarkProgram,
        plan: RunPlan,
    ) -> None:
        self.error: str | None = None
        self._model = model
        self._files = files
        self._program = program
        self._plan = plan
        self._rounds = RoundOutputs(plan.num_rounds)
        self._cut: str | None = None  # why there are fewer rounds than there should be
        self._operators: tuple[Operator, ...] = ()
        self._peak_ram_bytes: int | None = None
        self._remote: tuple[str, Sequence[str]] | None = None  # its path and flags, once it was pushed

    def add_round(self) -> None:
        """Run the model once more, or keep why that is not possible.

        Raises:
            PhoneLostError: If the phone is lost.
        """
        if self.error is not None:
            return
        try:
            if self._plan.limit.is_reached:
                raise TimeoutError
            is_hot = not cool_down(self._program.adb, self._plan.limit.left_s)
            output = self._run()
        except PhoneLostError:
            raise
        except TimeoutError:
            self._keep_timeout()
        except InputError as error:
            self._keep_failure(str(error))
        else:
            self._rounds.add(output, is_hot)

    def add_memory(self) -> None:
        """Measure the memory, in a call of its own: who watches it disturbs the runs."""
        output = self._run_extra("--report_peak_memory_footprint=true", "memory")
        if output is not None:
            self._peak_ram_bytes = output.peak_ram_bytes

    def add_operators(self) -> None:
        """Measure the operators, in a call of its own: it makes the runs slower."""
        what = "operator profile"
        flag = self._program.tool.profile_flag
        output = None if flag is None else self._run_extra(flag, what)
        if output is None:
            return
        self._operators = output.operators
        if not output.operators:
            announce(f"no {what} of {self._model.name}: benchmark_model printed none")

    @property
    def doubt(self) -> str | None:
        """Why the latency is not to be trusted; `None` if it is."""
        return self._cut or self._rounds.doubt()

    def measurement(self, device: DeviceFacts) -> Measurement:
        """What the runs come to."""
        if self.error is not None:
            return Measurement.failed(self._model.name, device, self.error)
        operators = [dataclasses.asdict(operator) for operator in self._operators]
        return Measurement.of_runs(
            self._model.name,
            device,
            self._rounds.summary(self.doubt),
            peak_ram_bytes=self._peak_ram_bytes,
            num_partitions=self._rounds.num_partitions(),
            operators=operators or None,
        )

    def _keep_timeout(self) -> None:
        """The rounds that there are count, if there are any; a repeat that is missing does not matter."""
        num_rounds = len(self._rounds)
        reason = self._plan.limit.describe()
        if num_rounds == 0:
            self.error = reason
        elif not self._rounds.is_complete and self._cut is None:
            self._cut = f"{reason} in round {num_rounds + 1}"

    def _keep_failure(self, reason: str) -> None:
        if self._rounds.is_complete:  # it was being repeated
            self._cut = reason
        else:
            self.error = reason

    def _run_extra(self, flag: str, what: str) -> BenchmarkOutput | None:
        """Run the model for something else than its latency, which is announced if it fails.

        Raises:
            PhoneLostError: If the phone is lost.
        """
        if self.error is not None:
            return None
        try:
            return self._run(flag)
        except PhoneLostError:
            raise
        except TimeoutError:
            reason = self._plan.limit.describe()
        except InputError as error:
            reason = str(error)
        announce(f"no {what} of {self._model.name}: {reason}")
        return None

    def _run(self, *flags: str) -> BenchmarkOutput:
        if self._remote is None:
            self._remote = self._push()
        path, model_flags = self._remote
        return self._program.run(path, [*self._plan.flags, *flags, *model_flags], self._plan.limit)

    def _push(self) -> tuple[str, Sequence[str]]:
        """Copy the model to the phone; its path there and its flags, whatever the file is called."""
        model = self._files.prepare(self._model)
        sha256 = hashlib.sha256(read_model(model.path)).hexdigest()
        remote_path = f"{self._program.folder}/{sha256[:_HASH_LENGTH_IN_NAMES]}.tflite"  # needs no quotes
        self._program.adb.push(model.path, remote_path)
        return remote_path, model.flags
