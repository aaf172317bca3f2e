"""`HostDevice`: measuring on the computer that runs this program."""

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import ofa_tf
from ofa_tf.device.device import BenchmarkModel, BenchmarkSettings, Measurement, Progress
from ofa_tf.device.robust import ModelRuns, summarize_runs
from ofa_tf.errors import InputError

_MAX_CRASHES = 3
_COMMAND = (sys.executable, "-m", "ofa_tf.device.host_runner")


class HostDevice:
    """The computer that runs this program, through LiteRT and XNNPACK.

    Models run in a process of their own that does not load TensorFlow, so that
    a model that crashes takes nothing along. If that process dies, the model it
    was busy with is recorded as failed and the others are measured again.

    Args:
        command: The program that measures, see `host_runner`.
    """

    id = "host"

    def __init__(self, command: Sequence[str] = _COMMAND) -> None:
        self._command = tuple(command)

    def describe(self) -> dict[str, Any]:
        """Facts that latencies depend on."""
        return dict(_describe())

    def measure(
        self,
        models: Sequence[BenchmarkModel],
        settings: BenchmarkSettings,
        on_progress: Progress | None = None,
    ) -> list[Measurement]:
        """Measure models; see `Device.measure`.

        Raises:
            InputError: If no model could be measured because the measuring
                process died, hit the time limit or could not start, or if an
                operator profile is asked for.
        """
        if settings.profile_operators:
            raise InputError(
                "Expected a phone for an operator profile. Received: the device host. Measure with --device=adb."
            )
        device = {**self.describe(), "num_threads": settings.num_threads}
        errors: dict[int, str] = {}
        with tempfile.TemporaryDirectory(prefix="ofa_tf_") as folder:
            paths = [_path_of(model, Path(folder) / f"{index}.tflite") for index, model in enumerate(models)]
            result, crash = self._run_until_done(models, paths, settings, on_progress, errors)
        measured = {int(index): run for index, run in result["runs"].items() if run["wall_ns"]}
        if crash and not measured:
            raise InputError(
                f"Expected the measuring process to finish. Received: {crash}. "
                "Close other programs, measure fewer models, or raise the time limit."
            )
        runs = [_model_runs(run, settings.num_threads) for run in measured.values()]
        summaries = dict(zip(measured, summarize_runs(runs), strict=True))
        measurements = []
        for index, model in enumerate(models):
            if index not in summaries:
                reason = errors.get(index) or crash or "not measured"
                measurements.append(Measurement(model.name, None, device=device, error=reason))
                continue
            summary, facts = summaries[index], result["facts"][str(index)]
            measurements.append(
                Measurement(
                    model=model.name,
                    latency_ms=summary.median_ms,
                    latency_low_ms=summary.low_ms,
                    latency_high_ms=summary.high_ms,
                    latency_p5_ms=summary.p5_ms,
                    latency_p95_ms=summary.p95_ms,
                    num_runs=summary.num_runs,
                    num_disturbed_runs=summary.num_disturbed_runs,
                    peak_ram_bytes=facts.get("peak_ram_bytes"),
                    num_partitions=facts.get("num_partitions"),
                    device=device,
                    doubt=summary.doubt,
                )
            )
        return measurements

    def _run_until_done(
        self,
        models: Sequence[BenchmarkModel],
        paths: Sequence[Path],
        settings: BenchmarkSettings,
        on_progress: Progress | None,
        errors: dict[int, str],
    ) -> tuple[dict[str, Any], str | None]:
        """Results by index of the model, and how the runner last died (`None` if it never did)."""
        crash = None
        deadline = time.monotonic() + settings.time_limit_s
        for _ in range(_MAX_CRASHES):
            left = [index for index in range(len(models)) if index not in errors]
            if not left:
                break
            job = {
                "models": [{"path": str(paths[i]), "input_shape": models[i].input_shape} for i in left],
                "settings": settings.to_dict(),
            }
            result, failures, busy_with, crash_now = self._run_once(job, deadline, on_progress)
            errors.update({left[position]: error for position, error in failures.items()})
            if result is not None:
                found = {kind: {str(left[int(k)]): v for k, v in result[kind].items()} for kind in ("runs", "facts")}
                return found, crash
            crash = crash_now
            if busy_with is not None:
                errors[left[busy_with]] = f"{crash} while loading it"
            if time.monotonic() >= deadline:
                crash = f"the time limit of {settings.time_limit_s:g} s was reached"
                break
        return {"runs": {}, "facts": {}}, crash

    def _run_once(
        self, job: dict[str, Any], deadline: float, on_progress: Progress | None
    ) -> tuple[dict[str, Any] | None, dict[int, str], int | None, str | None]:
        """Result (`None` if there is none), failures, the model being loaded and how the runner died."""
        result, failures, busy_with = None, {}, None
        with tempfile.TemporaryFile() as log, _runner(self._command, log, deadline) as process:
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
                return result, failures, None, None
            log.seek(0)
            return None, failures, busy_with, _describe_death(status, log.read().decode(errors="replace"))


def _model_runs(run: dict[str, list[int]], num_threads: int) -> ModelRuns:
    wall_ns, processor_ns = np.array(run["wall_ns"], float), np.array(run["processor_ns"], float)
    # A single thread that got less processor time than passed was waiting for its turn.
    was_interrupted = wall_ns > 1.05 * processor_ns + 5e3 if num_threads == 1 else np.zeros(len(wall_ns), bool)
    return ModelRuns(np.array(run["order"]), wall_ns, was_interrupted)


@contextlib.contextmanager
def _runner(command: Sequence[str], log: Any, deadline: float) -> Iterator["subprocess.Popen[bytes]"]:
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


def _path_of(model: BenchmarkModel, spare: Path) -> Path:
    if isinstance(model.content, bytes):
        spare.write_bytes(model.content)
        return spare
    return Path(model.content).absolute()


@functools.lru_cache(maxsize=1)
def _describe() -> dict[str, Any]:
    return {
        "device": "host",
        "model": _cpu_model(),
        "abi": platform.machine(),
        "os_build": platform.platform(),
        "num_cores": os.cpu_count(),
        "runtime": f"LiteRT {_litert_version()}",
        "runtime_sha256": _runtime_hash(),
        "delegate": "XNNPACK",
    }


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _litert_version() -> str:
    try:
        return importlib.metadata.version("ai-edge-litert")
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(
            "Expected the package ai-edge-litert to be installed. Received: not found. Run `make install`."
        ) from error


def _runtime_hash() -> str:
    """Hash over the runtime's native libraries."""
    digest = hashlib.sha256()
    for file in sorted(importlib.metadata.files("ai-edge-litert") or [], key=str):
        if file.name.startswith(("libpywrap_litert", "libLiteRt.")):
            digest.update(Path(str(file.locate())).read_bytes())
    return digest.hexdigest()
