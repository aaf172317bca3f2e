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
from typing import Any

import ofa_tf
from ofa_tf.base.errors import InputError
from ofa_tf.devices.device import Progress


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a measuring process ended.

    Args:
        result: Its last event; `None` if it died before.
        failures: Why models could not be loaded, by their position in the job.
        busy_with: Position of the model that it was loading when it died.
        death: How it died; `None` if it did not.
    """

    result: dict[str, Any] | None
    failures: dict[int, str]
    busy_with: int | None = None
    death: str | None = None


def run_process(command: Sequence[str], job: dict[str, Any], deadline: float, on_progress: Progress | None) -> Outcome:
    """Give a job to a measuring process and wait for its end.

    Args:
        command: The program.
        job: See `runner.run_job`.
        deadline: When the process is killed, as `time.monotonic` tells time.
        on_progress: Called with the steps done and in all.

    Raises:
        InputError: If the process does not start.
    """
    result, failures, busy_with = None, {}, None
    with tempfile.TemporaryFile() as log, _started(command, log, deadline) as process:
        for event in _events(process, job):
            if event.get("event") == "load":
                busy_with = event["model"]
            elif event.get("event") == "failed":
                failures[event["model"]] = event["error"]
                busy_with = None
            elif event.get("event") == "progress":
                busy_with = None
                if on_progress is not None:
                    on_progress(event["done"], event["total"])
            elif event.get("event") == "result":
                result = event
        status = process.wait()
        if result is not None:
            return Outcome(result, failures)
        log.seek(0)
        return Outcome(None, failures, busy_with, _describe_death(status, log.read().decode(errors="replace")))


@contextlib.contextmanager
def _started(command: Sequence[str], log: Any, deadline: float) -> Iterator["subprocess.Popen[bytes]"]:
    environment = dict(os.environ)
    # The package may be used from a source tree, whatever the current folder.
    source = str(Path(ofa_tf.__file__).parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [source, environment.get("PYTHONPATH")]))
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment)
    except OSError as error:
        raise InputError(f"Expected the measuring process to start. Received: {error}.") from error
    timer = threading.Timer(max(deadline - time.monotonic(), 0), process.kill)
    timer.start()
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        timer.cancel()


def _events(process: "subprocess.Popen[bytes]", job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if process.stdin is None or process.stdout is None:
        return
    with contextlib.suppress(BrokenPipeError), process.stdin as stream:
        stream.write(json.dumps(job).encode())
    for line in process.stdout:
        yield _parse(line)


def _parse(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except json.JSONDecodeError:  # half a line, of a process that died
        return {}
    return event if isinstance(event, dict) else {}


def _describe_death(status: int, log: str) -> str:
    if status < 0:
        name = signal.Signals(-status).name
        hint = " (perhaps out of memory)" if name == "SIGKILL" else ""
        return f"the measuring process was killed by {name}{hint}"
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return f"the measuring process ended with status {status}: {lines[-1] if lines else 'no message'}"
