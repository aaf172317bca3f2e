"""`BenchmarkProgram`: calls of `benchmark_model` on a phone."""

import contextlib
import shlex
import signal
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android.adb import Adb, ShellResult
from ofa_tf.devices.android.benchmark_output import BenchmarkOutput, parse_benchmark_output

_DELEGATE_FLAGS = {
    "xnnpack": "--use_xnnpack=true",
    "gpu": "--use_gpu=true",
    "nnapi": "--use_nnapi=true",
    "none": "--use_xnnpack=false",
}
DELEGATES = tuple(_DELEGATE_FLAGS)
# What the names of delegates that benchmark_model prints contain, in small letters; it says nothing of "none".
_DELEGATE_NAMES = {"gpu": ("gpu", "litert_cl", "opencl"), "nnapi": ("nnapi",)}
_FOLDER = "/data/local/tmp"
_PREFIX = "ofa_tf_"
_OLD_MINUTES = 60
_CALL_S = 300.0  # that a call may take: a model that hangs shall not use up the time of all


class TimeLimit:
    """Time that a measurement may take, without that in which its phone was gone.

    Args:
        adb: The phone.
        seconds: The limit.
    """

    def __init__(self, adb: Adb, seconds: float) -> None:
        self.seconds = seconds
        self._adb, self._end = adb, time.monotonic() + seconds - adb.waited_s

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return self._end + self._adb.waited_s - time.monotonic()

    def extend(self, seconds: float) -> None:
        """Add time in which the phone was gone though nobody waited for it."""
        self._end += seconds


class BenchmarkProgram:
    """`benchmark_model` in a folder on a phone; see `install_benchmark_program`.

    Args:
        adb: The phone.
        folder: Its folder there, a path that needs no quotes.
        delegate: Who runs the operators, one of `DELEGATES`.
        cpu_mask: Cores that may run the model, as `taskset` takes them.
    """

    def __init__(self, adb: Adb, folder: str, delegate: str, cpu_mask: str | None) -> None:
        self.adb, self.folder = adb, folder
        self._delegate, self._cpu_mask = delegate, cpu_mask

    def run(self, model: str, flags: Sequence[str], limit: TimeLimit) -> BenchmarkOutput:
        """Run a model.

        Args:
            model: Its path on the phone.
            flags: How, besides the delegate.
            limit: For all that is measured.

        Raises:
            InputError: If the program fails, or another delegate ran the model.
            TimeoutError: If it does not end in time.
        """
        flags = [f"--graph={model}", _DELEGATE_FLAGS[self._delegate], *flags]
        mask = [] if self._cpu_mask is None else ["taskset", self._cpu_mask]
        command = shlex.join([*mask, f"{self.folder}/benchmark_model", *flags])
        # The number of the process, as stopping adb does not stop it.
        # If the connection is cut, the program goes on; the attempt that follows ends it first.
        script = (
            f'{_kill(self.folder)}; sh -c \'echo $$ > "$0"; exec "$@"\' {self.folder}/process {command}; '
            f"status=$?; rm -f {self.folder}/process; (exit $status)"
        )
        result = self._run_script(script, limit)
        _check_alive(result.status)
        text = f"{result.stdout}\n{result.stderr}"
        optional = {"report_peak_memory_footprint"}
        if self._delegate == "xnnpack" and "XNNPACK delegate" in text:
            # LiteRT's tool takes it by itself and does not know the flag.
            optional.add("use_xnnpack")
        needed = {flag[2:].split("=")[0] for flag in flags} - optional
        output = parse_benchmark_output(text, needed)
        self._check_delegate(output)
        if result.status != 0:
            raise InputError(f"Expected benchmark_model to succeed. Received: exit status {result.status}.")
        return output

    def _run_script(self, script: str, limit: TimeLimit) -> ShellResult:
        """Run a script that may hang, and end it then; once more if the phone was silent, too."""
        is_repeated = False
        while True:
            left_s = limit.left_s
            if left_s <= 0:
                raise TimeoutError
            try:
                return self.adb.run_script(script, min(left_s, _CALL_S))
            except TimeoutError:
                num_faults = self.adb.num_faults
                self.adb.run_script(_kill(self.folder))
                is_silent = self.adb.num_faults > num_faults
                if not is_silent or is_repeated:
                    if left_s < _CALL_S:
                        raise
                    what = "the phone gave no answer, twice" if is_silent else "it was still running"
                    raise InputError(
                        f"Expected benchmark_model to finish within {_CALL_S:g} s. Received: {what}."
                    ) from None
            # A phone may leave the network without a word, which is no fault of the model's.
            limit.extend(left_s - limit.left_s)
            is_repeated = True

    def _check_delegate(self, output: BenchmarkOutput) -> None:
        """Without the delegate that was asked for, the CPU runs the model, and says so at most."""
        names = _DELEGATE_NAMES.get(self._delegate)
        if names is None:
            return
        is_other = output.delegates and not any(name in found.lower() for found in output.delegates for name in names)
        if output.refusal is not None or is_other:
            what = repr(output.refusal) if output.refusal else f"the delegates {', '.join(output.delegates)}"
            raise InputError(f"Expected the {self._delegate} delegate to run the model. Received: {what}.")


@contextlib.contextmanager
def install_benchmark_program(
    adb: Adb, binary: Path, delegate: str, cpu_mask: str | None = None
) -> Iterator[BenchmarkProgram]:
    """Put the program into a new folder on a phone, which is removed at the end, with all that runs from it.

    Folders that an earlier call had to leave, because its phone was lost, are
    removed, too.

    Raises:
        InputError: If the phone is lost, lacks room or refuses it.
    """
    # One that is at work changes its folder all the time.
    adb.run_script(f"find {_FOLDER} -maxdepth 1 -name '{_PREFIX}*' -mmin +{_OLD_MINUTES} -exec rm -rf {{}} +")
    folder = f"{_FOLDER}/{_PREFIX}{uuid.uuid4().hex[:12]}"
    try:
        result = adb.shell("mkdir", "-p", folder)
        if result.status != 0:
            raise InputError(
                f"Expected to make the folder {folder} on the phone. "
                f"Received: {(result.stderr or result.stdout).strip()}."
            )
        adb.push(binary, f"{folder}/benchmark_model")
        adb.shell("chmod", "755", f"{folder}/benchmark_model")
        yield BenchmarkProgram(adb, folder, delegate, cpu_mask)
    finally:
        with contextlib.suppress(InputError, TimeoutError):  # of a phone that is gone, which is not waited for
            adb.without_waiting().run_script(f"{_kill(folder)}; rm -rf {folder}")


def _check_alive(status: int) -> None:
    """A shell gives 128 and the number of the signal that ended a program."""
    if status - 128 not in set(signal.Signals):
        return
    name = signal.Signals(status - 128).name
    hint = " (perhaps out of memory)" if name == "SIGKILL" else ""
    raise InputError(f"Expected benchmark_model to finish. Received: it was killed by {name}{hint}.")


def _kill(folder: str) -> str:
    """A script that ends the program of a folder."""
    return f"kill -9 $(cat {folder}/process 2>/dev/null) 2>/dev/null"
