"""`BenchmarkProgram`: calls of `benchmark_model` on a phone."""

import base64
import binascii
import contextlib
import shlex
import signal
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android.adb import Adb, ShellResult
from ofa_tf.devices.android.benchmark_model.benchmark_output import BenchmarkOutput
from ofa_tf.devices.android.benchmark_model.benchmark_tool import BenchmarkTool
from ofa_tf.devices.android.benchmark_model.delegates import Delegate
from ofa_tf.devices.android.benchmark_model.output_lines import last_line, split_lines
from ofa_tf.devices.android.benchmark_model.printed_output import check_flags_are_known, check_success, first_error
from ofa_tf.devices.android.time_limit import TimeLimit

_PARENT_FOLDER = "/data/local/tmp"
_FOLDER_PREFIX = "ofa_tf_"
_MINUTES_TO_LEFTOVER = 60  # a folder that is in use changes all the time
_CALL_S = 300.0  # that a call may take: a model that hangs shall not use up the time of all
_FLAGS_WITHOUT_EFFECT_ON_LATENCY = ("report_peak_memory_footprint",)


class BenchmarkProgram:
    """`benchmark_model` in a folder on a phone; see `install_benchmark_program`.

    Args:
        adb: The phone.
        folder: Its folder there, a path that needs no quotes.
        tool: Which of the programs of that name it is.
        delegate: Who runs the operators.
        cpu_mask: Cores that may run the model, as `taskset` takes them.
    """

    def __init__(
        self,
        adb: Adb,
        folder: str,
        tool: BenchmarkTool,
        delegate: Delegate,
        cpu_mask: str | None,
    ) -> None:
        self.adb = adb
        self.folder = folder
        self.tool = tool
        self._delegate = delegate
        self._cpu_mask = cpu_mask

    def run(
        self,
        model: str,
        flags: Sequence[str],
        limit: TimeLimit,
    ) -> BenchmarkOutput:
        """Run a model.

        Args:
            model: Its path on the phone.
            flags: How, besides the delegate.
            limit: For all that is measured.

        Raises:
            InputError: If the program fails, or another delegate ran the model.
            TimeoutError: If it does not end in time.
        """
        flags = [f"--graph={model}", *self._delegate.flags, *self._result_flags(), *flags]
        result = self._run_script(self._script(flags), limit)
        text = f"{result.stdout}\n{result.stderr}"
        check_flags_are_known(text, _needed_flags(flags))
        _check_not_killed(result.status, text)
        check_success(text, self._delegate.hint)
        if result.status != 0:
            reason = first_error(text) or last_line(split_lines(text)) or "nothing printed"
            raise InputError(f"Expected benchmark_model to succeed. Received: exit status {result.status}; {reason}")

        files = {}
        for name in self.tool.result_files.values():
            files[name] = self.read_file(f"{self.folder}/{name}", "Take another version of the program.")
        output = self.tool.read_output(text, files)
        self._delegate.check_that_it_ran(output)
        return output

    def read_file(self, remote: str, advice: str) -> bytes:
        """What the program wrote into a file; where it could not, it does not say so.

        It comes back through the shell, whose end is marked: adb's own `pull` does not always say when it was cut.

        Args:
            remote: The file, on the phone.
            advice: What to do if it is not there.

        Raises:
            InputError: If there is no such file.
        """
        result = self.adb.shell("base64", remote)
        if result.status != 0:
            message = (result.stderr or result.stdout).strip()
            raise InputError(f"Expected benchmark_model to write {remote}. Received: {message}. {advice}")
        try:
            return base64.b64decode("".join(result.stdout.split()), validate=True)
        except binascii.Error as error:
            raise InputError(
                f"Expected to read {remote} from the phone. Received: {error}. Check the cable, and call again."
            ) from error

    def _result_flags(self) -> list[str]:
        """What makes the program write the files that say what it found."""
        return [f"--{flag}={self.folder}/{name}" for flag, name in self.tool.result_files.items()]

    def _script(self, flags: Sequence[str]) -> str:
        """A script that runs the program, and keeps the number of its process in a file meanwhile.

        Stopping adb does not stop the program, nor does a connection that is cut: the
        attempt that follows, or whoever stopped adb, ends it by that number.
        """
        words = [f"{self.folder}/benchmark_model", *flags]
        if self._cpu_mask is not None:
            words = ["taskset", self._cpu_mask, *words]
        process = f"{self.folder}/process"
        # The inner shell becomes the program, which so has the number that the shell wrote.
        run = f'sh -c \'echo $$ > "$0"; exec "$@"\' {process} {shlex.join(words)}'
        # What an earlier call found must not be taken for what this one finds.
        results = [f"{self.folder}/{name}" for name in self.tool.result_files.values()]
        remove = shlex.join(["rm", "-f", process, *results])
        return f"{_kill(self.folder)}; {remove}; {run}; status=$?; rm -f {process}; (exit $status)"

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
                is_silent = self._end_program()
                if is_repeated or not is_silent:
                    if left_s < _CALL_S:  # it was the time of all that was up
                        raise
                    what = "the phone gave no answer, twice" if is_silent else "it was still running"
                    raise InputError(
                        f"Expected benchmark_model to finish within {_CALL_S:g} s. Received: {what}."
                    ) from None
            # A phone may leave the network without a word, which is no fault of the model's.
            limit.extend(left_s - limit.left_s)
            is_repeated = True

    def _end_program(self) -> bool:
        """End the program; whether the phone did not answer at once."""
        num_faults = self.adb.num_faults
        self.adb.run_script(_kill(self.folder))
        return self.adb.num_faults > num_faults


@contextlib.contextmanager
def install_benchmark_program(
    adb: Adb,
    binary: Path,
    tool: BenchmarkTool,
    delegate: Delegate,
    cpu_mask: str | None = None,
) -> Iterator[BenchmarkProgram]:
    """Put the program into a new folder on a phone, which is removed at the end, with all that runs from it.

    Folders that an earlier call had to leave, because its phone was lost, are
    removed, too.

    Raises:
        InputError: If the phone is lost, lacks room or refuses it.
    """
    _remove_leftovers(adb)
    folder = f"{_PARENT_FOLDER}/{_FOLDER_PREFIX}{uuid.uuid4().hex[:12]}"
    try:
        _make_folder(adb, folder)
        adb.push(binary, f"{folder}/benchmark_model")
        adb.shell("chmod", "755", f"{folder}/benchmark_model")
        yield BenchmarkProgram(adb, folder, tool, delegate, cpu_mask)
    finally:
        with contextlib.suppress(InputError, TimeoutError):  # of a phone that is gone, which is not waited for
            adb.without_waiting().run_script(f"{_kill(folder)}; rm -rf {folder}")


def _remove_leftovers(adb: Adb) -> None:
    is_leftover = f"-maxdepth 1 -name '{_FOLDER_PREFIX}*' -mmin +{_MINUTES_TO_LEFTOVER}"
    adb.run_script(f"find {_PARENT_FOLDER} {is_leftover} -exec rm -rf {{}} +")


def _make_folder(adb: Adb, folder: str) -> None:
    result = adb.shell("mkdir", "-p", folder)
    if result.status != 0:
        message = result.stderr or result.stdout
        raise InputError(f"Expected to make the folder {folder} on the phone. Received: {message.strip()}.")


def _check_not_killed(status: int, text: str) -> None:
    """A shell gives 128 and the number of the signal that ended a program; one that ends itself says why."""
    number = status - 128
    if number not in set(signal.Signals):
        return
    name = signal.Signals(number).name
    reason = first_error(text)
    if reason:
        raise InputError(f"Expected benchmark_model to finish. Received: it was killed by {name}; {reason}")
    hint = " (perhaps out of memory)" if name == "SIGKILL" else ""
    raise InputError(f"Expected benchmark_model to finish. Received: it was killed by {name}{hint}.")


def _needed_flags(flags: Sequence[str]) -> set[str]:
    """The names of flags without which a latency would be of something else."""
    needed = set()
    for flag in flags:
        name, _, _ = flag.removeprefix("--").partition("=")
        needed.add(name)
    return needed.difference(_FLAGS_WITHOUT_EFFECT_ON_LATENCY)


def _kill(folder: str) -> str:
    """A script that ends the program of a folder."""
    return f"kill -9 $(cat {folder}/process 2>/dev/null) 2>/dev/null"
