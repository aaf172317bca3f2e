"""The process that measures on the host: `python -m ofa_tf.devices.host.runner`.

Reads a job (JSON) from stdin and writes events to stdout, one JSON object a line:

    {"event": "load", "model": 3}        about to load model 3 and run it once
    {"event": "failed", "model": 3, "error": "..."}
    {"event": "progress", "done": 7, "total": 50}
    {"event": "result", "runs": {"5": {"order": [...], "wall_ns": [...], "processor_ns": [...]}}, "facts": {"5": {...}}}

so that whoever started it knows which model was to blame if it ends early. There
are no events between the runs of a round: their reader would disturb the runs.
Imports LiteRT but never TensorFlow: it starts in a fraction of a second.
"""

import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Event = Callable[..., None]
_MAX_PASSES = 5  # visits to each group of models


def schedule(num_models: int, rounds: int, max_loaded: int) -> Iterator[tuple[list[int], int]]:
    """Divide models into groups and rounds into visits.

    Args:
        num_models: Number of models.
        rounds: Rounds of every model, at least.
        max_loaded: Largest number of models in a group.

    Yields:
        Pairs of a group (indices of models, loaded together) and its number of
        rounds in this visit. The groups are visited in turn `_MAX_PASSES` times,
        which share the rounds.
    """
    groups = [list(range(start, min(start + max_loaded, num_models))) for start in range(0, num_models, max_loaded)]
    passes = min(_MAX_PASSES, rounds)
    for visit in range(passes):
        for group in groups:
            yield group, (rounds + passes - 1 - visit) // passes


def run_job(job: dict[str, Any], event: Event) -> None:
    """Measure the models of a job, reporting through `event`.

    Args:
        job: `models` (each `path` and `input_shape`), the fields of
            `BenchmarkSettings` as `settings`, and `cores` to run on (`None`: any).
        event: Called with the fields of each event.
    """
    models, settings = job["models"], job["settings"]
    if job["cores"] is not None:
        os.sched_setaffinity(0, job["cores"])
    facts: dict[int, dict[str, Any]] = {}
    for index, model in enumerate(models):
        found = _try_model(index, model, settings, event) if settings["measure_peak_ram"] else {}
        if found is not None:
            facts[index] = found
    good = list(facts)
    runs: dict[int, dict[str, list[int]]] = {index: {"order": [], "wall_ns": [], "processor_ns": []} for index in good}
    visits = list(schedule(len(good), settings["rounds"], settings["max_loaded_models"])) if good else []
    order, rng = 0, np.random.default_rng(0)
    for done, (group, rounds) in enumerate(visits):
        loaded = {}
        # The memory that a model happens to get makes up to a tenth of its latency: each visit deals it anew.
        for index in rng.permutation([good[position] for position in group]).tolist():
            interpreter = _load(index, models[index], settings, event) if index in facts else None
            if interpreter is None:
                facts.pop(index, None)
            else:
                loaded[index] = interpreter
                facts[index]["num_partitions"] = _num_partitions(interpreter)
        start, rounds_done = time.monotonic(), 0
        while rounds_done < rounds or time.monotonic() - start < settings["min_time_s"] / len(visits):
            for index, interpreter in loaded.items():
                for wall_ns, processor_ns in _timed_runs(
                    interpreter.invoke, settings["warmup_runs"], settings["num_runs"]
                ):
                    runs[index]["order"].append(order)
                    runs[index]["wall_ns"].append(wall_ns)
                    runs[index]["processor_ns"].append(processor_ns)
                    order += 1
            rounds_done += 1
        event(event="progress", done=done + 1, total=len(visits))
    event(
        event="result",
        runs={str(index): runs[index] for index in facts},
        facts={str(index): values for index, values in facts.items()},
    )


def _timed_runs(invoke: Callable[[], None], warmup_runs: int, num_runs: int) -> list[tuple[int, int]]:
    """Wall time of each run, and processor time that this thread got meanwhile, nanoseconds."""
    clock, processor_clock = time.perf_counter_ns, time.thread_time_ns
    for _ in range(warmup_runs):
        invoke()
    runs = []
    for _ in range(num_runs):
        processor_start = processor_clock()
        start = clock()
        invoke()
        wall_ns = clock() - start
        runs.append((wall_ns, processor_clock() - processor_start))
    return runs


def _load(index: int, model: dict[str, Any], settings: dict[str, Any], event: Event) -> Any:
    """A ready interpreter that ran once, or `None` after reporting why not."""
    from ai_edge_litert.interpreter import Interpreter

    event(event="load", model=index)
    try:
        interpreter = Interpreter(model_path=model["path"], num_threads=settings["num_threads"])
        tensor = interpreter.get_input_details()[0]
        if model["input_shape"]:
            interpreter.resize_tensor_input(tensor["index"], model["input_shape"])
        interpreter.allocate_tensors()
        for tensor in interpreter.get_input_details():
            interpreter.set_tensor(tensor["index"], _random_input(tensor["shape"], tensor["dtype"]))
        interpreter.invoke()
    except (ValueError, RuntimeError, IndexError, OSError) as error:
        event(event="failed", model=index, error=" ".join(str(error).split()) or type(error).__name__)
        return None
    return interpreter


def _random_input(shape: np.ndarray, dtype: type) -> np.ndarray:
    # Not zeros: denormal numbers and zero inputs can be faster or slower than images.
    values = np.random.default_rng(0).standard_normal(tuple(shape))
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        values = np.clip(values * limits.max / 3, limits.min, limits.max)
    return values.astype(dtype)


def _num_partitions(interpreter: Any) -> int | None:
    try:
        return sum("DELEGATE" in operator["op_name"] for operator in interpreter._get_ops_details())
    except AttributeError:  # a private method, gone some day
        return None


def _try_model(index: int, model: dict[str, Any], settings: dict[str, Any], event: Event) -> dict[str, Any] | None:
    """Memory of one model, run once in a forked process; `None` if it failed."""
    if not hasattr(os, "fork") or not os.path.exists("/proc/self/status"):
        return {}
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        before = _status_bytes("VmRSS")
        loaded = _load(index, model, settings, event) is not None
        os.write(writer, json.dumps(_status_bytes("VmHWM") - before if loaded else None).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        answer = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 0 or not answer:
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        event(event="failed", model=index, error=f"the process that loaded it {how}")
        return None
    peak_ram_bytes = json.loads(answer)
    return None if peak_ram_bytes is None else {"peak_ram_bytes": peak_ram_bytes}


def _status_bytes(field: str) -> int:
    with open("/proc/self/status", encoding="ascii") as stream:
        line = next(line for line in stream if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024


def main() -> None:
    """Run the job on stdin."""
    # Native code may print; stdout is for events only.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def event(**fields: Any) -> None:
        events.write(json.dumps(fields) + "\n")
        events.flush()

    importlib.import_module("ai_edge_litert.interpreter")  # before the forks, whose memory is a model's alone
    run_job(json.load(sys.stdin), event)


if __name__ == "__main__":
    main()
