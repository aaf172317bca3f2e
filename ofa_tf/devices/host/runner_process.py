"""The process that measures on the host, `runner`, seen from outside."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import ofa_tf
from ofa_tf.base.errors import InputError
from ofa_tf.devices.device import Progress
from ofa_tf.devices.host.job import Job


@dataclasses.dataclass
class RunnerReport:
    """What a measuring process told until its end. Models are named by their position in its job.

    Attributes:
        result: Its last event, which has the runs and facts of the models; `None` if
            it died before.
        failures: Why models could not be loaded.
        loading: The model that it was loading when it told no more; `None` if it was
            busy with something else.
        death: How it died; `None` if it did not.
    """

    result: dict[str, Any] | None = None
    failures: dict[int, str] = dataclasses.field(default_factory=dict)
    loading: int | None = None
    death: str | None = None

    def add(self, event: dict[str, Any], on_progress: Progress | None) -> None:
        """Take note of an event; see `runner`."""
        kind = event.get("event")
        if kind == "load":
            self.loading = event["model"]
        elif kind == "failed":
            self.failures[event["model"]] = event["error"]
            self.loading = None
        elif kind == "progress":
            self.loading = None
            if on_progress is not None:
                on_progress(event["done"], event["total"])
        elif kind == "result":
            self.result = event


def run_process(
    command: Sequence[str],
    job: Job,
    deadline: float,
    on_progress: Progress | None,
) -> RunnerReport:
    """Give a job to a measuring process and wait for its end.

    Args:
        command: The program.
        job: What it shall do.
        deadline: When the process is killed, as `time.monotonic` tells time.
        on_progress: Called with the steps done and in all.

    Raises:
        InputError: If the process does not start.
    """
    report = RunnerReport()
    with tempfile.TemporaryFile() as log, _started(command, log, deadline) as process:
        for event in _events(process, job):
            report.add(event, on_progress)
        status = process.wait()
        if report.result is None:
            log.seek(0)
            messages = log.read().decode(errors="replace")
            report.death = _describe_death(status, messages)
    return report


@contextlib.contextmanager
def _started(
    command: Sequence[str],
    log: IO[bytes],
    deadline: float,
) -> Iterator["subprocess.Popen[bytes]"]:
    """The process, which is killed at the deadline or at the end of the block."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=_environment(),
        )
    except OSError as error:
        raise InputError(f"Expected the measuring process to start. Received: {error}.") from error
    seconds_left = max(deadline - time.monotonic(), 0)
    timer = threading.Timer(seconds_left, process.kill)
    timer.start()
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        timer.cancel()


def _environment() -> dict[str, str]:
    """This process's own, in which the package is found also if it is used from a source tree."""
    source = str(Path(ofa_tf.__file__).parent.parent)
    paths = [source]
    if os.environ.get("PYTHONPATH"):
        paths.append(os.environ["PYTHONPATH"])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _events(
    process: "subprocess.Popen[bytes]",
    job: Job,
) -> Iterator[dict[str, Any]]:
    """Give the process its job, and get its events until its end."""
    if process.stdin is None or process.stdout is None:
        return
    with contextlib.suppress(BrokenPipeError), process.stdin as stream:
        stream.write(job.to_json().encode())
    for line in process.stdout:
        yield _parse(line)


def _parse(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except json.JSONDecodeError:  # half a line, of a process that died
        return {}
    return event if isinstance(event, dict) else {}


def _describe_death(status: int, messages: str) -> str:
    if status < 0:
        name = signal.Signals(-status).name
        hint = " (perhaps out of memory)" if name == "SIGKILL" else ""
        return f"the measuring process was killed by {name}{hint}"
    lines = messages.strip().splitlines()
    last_line = lines[-1].strip() if lines else "no message"
    return f"the measuring process ended with status {status}: {last_line}"
