"""Steps of a study: programs of this project, run one after the other, each once.

What a step took is kept beside its output, so that a study that takes hours goes on where it was stopped, and what it
tells can be repeated by hand: a record has the command, the time, the machine and the commit.

What a program takes is noted while it runs, so that little of it is missing if the study is killed; nothing is if it
is stopped by Ctrl-C or SIGTERM.
"""

import contextlib
import dataclasses
import datetime
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.cpu_model import read_cpu_model
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce
from ofa_tf.base.shell_commands import shell_command

_ROOT = Path(__file__).resolve().parents[2]
_KIND = "study_step"

# So often it is noted what a program has taken; if the study is killed, no more than that is missing.
_SECONDS_BETWEEN_NOTES = 5.0


@dataclasses.dataclass(frozen=True)
class StepRecord:
    """What is known of a step.

    Args:
        name: Of the step.
        command: What was run, from the root of the project.
        seconds: What it took, over all calls that worked on it; depends on what else the computer does.
        processor_seconds: What the program and those that it started took, on all cores together.
        is_finished: Whether it came to its end.
        cpu: Model of the processor.
        commit: Of the project, when the step was finished; empty where there is no repository.
        ended_at: When it ended, or was seen at work last, ISO 8601 in UTC; empty in records of earlier versions.
    """

    name: str
    command: str
    seconds: float
    processor_seconds: float
    is_finished: bool
    cpu: str
    commit: str
    ended_at: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON-serialisable data."""
        return dataclasses.asdict(self)


def workdir_for_programs(workdir: str | Path) -> Path:
    """A workdir as programs find it, which are run in the root of the project, wherever this one is.

    There it stays relative, so that commands can be repeated in another copy of the project.
    """
    if Path.cwd() == _ROOT:
        return Path(workdir)
    return Path(workdir).absolute()


class ProgramSteps:
    """Runs steps, and remembers those that are finished.

    Args:
        folder: Where records and logs go, into `steps/` and `logs/`.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def run(self, name: str, program: str, *arguments: str) -> StepRecord:
        """Run a program to its end, unless that was done before.

        A program that continues what was interrupted gets the chance: it is called again. Of a step that is not
        finished the arguments may have changed, as they may be why it failed; the program itself decides whether it
        can go on with them.

        Args:
            name: Of the step; it names the files.
            program: Path of the program, from the root of the project.
            *arguments: Its arguments.

        Raises:
            InputError: If the step was finished with other arguments, or the program fails.
        """
        command = shell_command(program, *arguments, plugins=())
        earlier = self._load(name)
        if earlier is not None and earlier.is_finished:
            if earlier.command != command:
                raise InputError(
                    f"Expected the step {name} in {self._folder} to be the one that was done: {earlier.command}. "
                    f"Received: {command}. Use the earlier settings, or another --workdir."
                )
            return earlier

        announce(f"{name}: {command}")
        log = self._folder / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        before = earlier or StepRecord(name, command, 0.0, 0.0, False, read_cpu_model(), "")

        def note(spent: _Spent, is_finished: bool = False) -> StepRecord:
            record = dataclasses.replace(
                before,
                command=command,
                seconds=round(before.seconds + spent.seconds, 1),
                processor_seconds=round(before.processor_seconds + spent.processor_seconds, 1),
                is_finished=is_finished,
                cpu=read_cpu_model(),
                commit=_read_commit(),
                ended_at=_now(),
            )
            files.write_json(self._path(name), _KIND, record.to_dict())
            return record

        status, spent = _run_program([sys.executable, program, *arguments], log, note)
        if status != 0:
            raise InputError(
                f"Expected the step {name} to succeed. Received: exit status {status}, {_last_line(log)} "
                f"See {log}; the same call goes on from here."
            )
        return note(spent, is_finished=True)

    def records(self) -> list[StepRecord]:
        """All that is known, in the order in which steps ended; those of earlier versions first, by name."""
        paths = sorted((self._folder / "steps").glob("*.json"))
        found = []
        for path in paths:
            record = self._load(path.stem)
            if record is not None:
                found.append(record)
        return sorted(found, key=lambda record: record.ended_at)

    def _path(self, name: str) -> Path:
        return self._folder / "steps" / f"{name}.json"

    def _load(self, name: str) -> StepRecord | None:
        path = self._path(name)
        if not path.exists():
            return None
        document = files.read_json(path, _KIND, "Remove it, and the step is done again.")
        document.setdefault("ended_at", "")  # which records of earlier versions lack
        fields = {field.name: document[field.name] for field in dataclasses.fields(StepRecord)}
        return StepRecord(**fields)


@dataclasses.dataclass(frozen=True)
class _Spent:
    """What a program has taken so far."""

    seconds: float
    processor_seconds: float


def _run_program(command: list[str], log: Path, note: Callable[[_Spent], object]) -> tuple[int, _Spent]:
    """Run a command in the root of the project, and note every now and then what it has taken.

    On Ctrl-C or SIGTERM it is told to stop, and waited for: it puts its things in order.

    Returns:
        Its exit status, and what it took.
    """
    start = time.monotonic()
    used_before = _processor_seconds_of_ended_programs()
    with open(log, "ab") as stream:
        process = subprocess.Popen(command, cwd=_ROOT, stdout=stream, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                note(_Spent(time.monotonic() - start, _read_processor_seconds(process.pid)))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=_SECONDS_BETWEEN_NOTES)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
            used = _processor_seconds_of_ended_programs() - used_before
            spent = _Spent(time.monotonic() - start, used)
            note(spent)
    return process.returncode, spent


def _read_processor_seconds(pid: int) -> float:
    """Processor time of a running process, and of those that it has waited for; 0 where that cannot be told."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    # The name of the program, in parentheses, may hold blanks. Behind it, the fields 14 to 17 of `man 5 proc`.
    fields = text.rpartition(")")[2].split()
    ticks = sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def _processor_seconds_of_ended_programs() -> float:
    """Processor time of all programs that this process has started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _now() -> str:
    """The present time in UTC, in microseconds, so that no two steps have the same."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds")


def _read_commit() -> str:
    try:
        found = subprocess.run(
            ["git", "-C", str(_ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
        )
    except OSError:  # no git here
        return ""
    return found.stdout.strip()


def _last_line(log: Path) -> str:
    """The last line of a program's output, which tells of its error."""
    lines = log.read_text(errors="replace").strip().splitlines()
    if not lines:
        return "and nothing said."
    return lines[-1].rsplit("\r", maxsplit=1)[-1]
