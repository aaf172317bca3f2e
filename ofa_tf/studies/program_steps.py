"""Steps of a study: programs of this project, run one after the other, each once.

What a step took is kept beside its output, so that a study that takes hours goes on where it was stopped, and what it
tells can be repeated by hand: a record has the command, the time, the machine and the commit.

The processor time of a program is known when it has ended. So that of a call is missing whose study was killed without
having the chance to wait for its program; it is not if the study was stopped by Ctrl-C or SIGTERM.
"""

import dataclasses
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.hardware import read_cpu_model
from ofa_tf.base.progress import announce

_ROOT = Path(__file__).resolve().parents[2]
_KIND = "study_step"

# So often the time that a step has taken is written down, in case that the study is killed.
_SECONDS_BETWEEN_NOTES = 20.0

# What came later to records, with its value in those of before.
_VALUES_OF_EARLIER_STEPS = {"processor_seconds": None}


@dataclasses.dataclass(frozen=True)
class StepRecord:
    """What is known of a step.

    Args:
        name: Of the step.
        command: What was run, from the root of the project.
        seconds: What it took, over all calls that worked on it.
        is_finished: Whether it came to its end.
        cpu: Model of the processor.
        commit: Of the project, when the step was finished; empty where there is no repository.
        processor_seconds: Seconds of processor time that the program and those that it started took, on all cores
            together, over all calls that worked on the step; `None` in records of versions that did not count it.
    """

    name: str
    command: str
    seconds: float
    is_finished: bool
    cpu: str
    commit: str
    processor_seconds: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON-serialisable data."""
        return dataclasses.asdict(self)


class ProgramSteps:
    """Runs steps, and remembers those that are finished.

    Args:
        folder: Where records and logs go, into `steps/` and `logs/`.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def run(self, name: str, program: str, *arguments: str) -> StepRecord:
        """Run a program to its end, unless that was done before.

        A program that continues what was interrupted gets the chance: it is called again with the same arguments.

        Args:
            name: Of the step; it names the files.
            program: Path of the program, from the root of the project.
            *arguments: Its arguments.

        Raises:
            InputError: If the step was done with other arguments, or the program fails.
        """
        command = " ".join(["python", program, *arguments])
        earlier = self._load(name)
        if earlier is not None and earlier.command != command:
            raise InputError(
                f"Expected the step {name} in {self._folder} to be the one that was begun: {earlier.command}. "
                f"Received: {command}. Use the earlier settings, or another --workdir."
            )
        if earlier is not None and earlier.is_finished:
            return earlier

        seconds_before = 0.0
        processor_seconds_before = 0.0
        if earlier is not None:
            seconds_before = earlier.seconds
            processor_seconds_before = earlier.processor_seconds or 0.0
        announce(f"{name}: {command}")
        start = time.monotonic()
        processor_start = _processor_seconds_of_programs()

        def note(is_finished: bool = False) -> StepRecord:
            seconds = round(seconds_before + time.monotonic() - start, 1)
            used = _processor_seconds_of_programs() - processor_start
            record = StepRecord(
                name,
                command,
                seconds,
                is_finished,
                cpu=read_cpu_model(),
                commit=_read_commit(),
                processor_seconds=round(processor_seconds_before + used, 1),
            )
            self._save(record)
            return record

        note()
        log = self._folder / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        status = _run_program([sys.executable, program, *arguments], log, note)
        if status != 0:
            note()
            raise InputError(
                f"Expected the step {name} to succeed. Received: exit status {status}, {_last_line(log)} "
                f"See {log}; the same call goes on from here."
            )
        return note(is_finished=True)

    def records(self) -> list[StepRecord]:
        """All that is known, in the order of names."""
        paths = sorted((self._folder / "steps").glob("*.json"))
        found = []
        for path in paths:
            record = self._load(path.stem)
            if record is not None:
                found.append(record)
        return found

    def _path(self, name: str) -> Path:
        return self._folder / "steps" / f"{name}.json"

    def _load(self, name: str) -> StepRecord | None:
        path = self._path(name)
        if not path.exists():
            return None
        document = files.read_json(path, _KIND, "Remove it, and the step is done again.")
        document = {**_VALUES_OF_EARLIER_STEPS, **document}
        fields = {field.name: document[field.name] for field in dataclasses.fields(StepRecord)}
        return StepRecord(**fields)

    def _save(self, record: StepRecord) -> None:
        files.write_json(self._path(record.name), _KIND, record.to_dict())


def _run_program(command: list[str], log: Path, note: Callable[[], object]) -> int:
    """Run a command; on Ctrl-C or SIGTERM, wait for it to put its things in order."""
    with open(log, "ab") as stream:
        process = subprocess.Popen(command, cwd=_ROOT, stdout=stream, stderr=subprocess.STDOUT)
        try:
            while True:
                try:
                    return process.wait(timeout=_SECONDS_BETWEEN_NOTES)
                except subprocess.TimeoutExpired:
                    note()
        except BaseException:
            process.terminate()
            process.wait()
            note()
            raise


def _processor_seconds_of_programs() -> float:
    """Processor time of all programs that this process has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
