"""A stand-in for TensorFlow's `benchmark_model`: its flags and output, with models run for real by LiteRT.

Run as a program it measures; `install_benchmark_model` makes a launcher that may be copied anywhere.
"""

import contextlib
import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

STYLES = ("new", "old", "litert")

_COMMON_FLAGS = {
    "num_runs": "50",
    "min_secs": "1",
    "max_secs": "150",
    "run_delay": "-1",
    "num_threads": "-1",
    "warmup_runs": "1",
    "warmup_min_secs": "0.5",
    "report_peak_memory_footprint": "false",
    "graph": "",
    "use_gpu": "false",
}
_FLAGS = {
    "new": {
        **_COMMON_FLAGS,
        "input_layer": "",
        "input_layer_shape": "",
        "enable_op_profiling": "false",
        "use_xnnpack": "true",
        "use_nnapi": "false",
    },
    "litert": {**_COMMON_FLAGS, "use_cpu": "true", "use_npu": "false"},
}
_FLAGS["old"] = _FLAGS["new"]
_PARAMETERS = {  # how the tool names the flags that were given
    "num_runs": "Min num runs",
    "min_secs": "Min runs duration (seconds)",
    "max_secs": "Max runs duration (seconds)",
    "run_delay": "Inter-run delay (seconds)",
    "num_threads": "Num threads",
    "warmup_runs": "Min warmup runs",
    "warmup_min_secs": "Min warmup runs duration (seconds)",
    "report_peak_memory_footprint": "Report the peak memory footprint",
    "graph": "Graph",
    "input_layer": "Input layers",
    "input_layer_shape": "Input shapes",
    "enable_op_profiling": "Enable op profiling",
    "use_xnnpack": "Use xnnpack",
    "use_gpu": "Use gpu",
    "use_nnapi": "Use NNAPI",
}
_SUMMARY_PREFIX = "INFO: [./litert/tools/benchmark_litert_model.h:82] "


def install_benchmark_model(
    path: Path,
    style: str = "new",
    lacks: Sequence[str] = (),
) -> Path:
    """Write an executable that runs this program, with the Python that runs the tests.

    Args:
        path: The file to write.
        style: Whose output to print: `"new"` (lines start with a severity, with percentiles),
            `"old"` (without both) or `"litert"` (LiteRT's tool of the same name).
        lacks: Flags that it does not know, without dashes, as other versions of the tool do.

    Returns:
        `path`.
    """
    if style not in STYLES:
        raise ValueError(f"Expected `style` to be one of {STYLES}. Received: style={style!r}.")
    settings = f"BENCHMARK_STYLE={style} BENCHMARK_LACKS={shlex.quote(','.join(lacks))}"
    program = shlex.join([sys.executable, "-I", str(Path(__file__).resolve())])
    path.write_text(f'#!/bin/sh\n{settings} exec {program} "$@"\n')
    path.chmod(0o755)
    return path


class BenchmarkError(Exception):
    """What the tool tells before it fails."""


class Log:
    """Prints lines as the tool of one style does."""

    def __init__(self, style: str) -> None:
        self.style = style

    def line(self, text: str, severity: str = "INFO") -> None:
        """Print a line; errors go to standard error."""
        prefix = "" if self.style == "old" else f"{severity}: "
        print(prefix + text, file=sys.stderr if severity == "ERROR" else sys.stdout, flush=True)

    def summary(self, text: str) -> None:
        """Print a line of LiteRT's summary."""
        print(_SUMMARY_PREFIX + text, file=sys.stderr, flush=True)


class Statistics:
    """Times of runs, microseconds."""

    def __init__(self, values: Sequence[int]) -> None:
        self.values = list(values)
        self.count = len(self.values)
        self.average = sum(self.values) / self.count if self.values else float("nan")
        variance = sum((value - self.average) ** 2 for value in self.values) / self.count if self.values else 0
        self.deviation = variance**0.5

    def percentile(self, percent: int) -> int:
        """The value that the tool takes for a percentile."""
        return sorted(self.values)[self.count * percent // 100]

    def describe(self, has_percentiles: bool) -> str:
        """The line that starts with `count=`."""
        if not self.values:
            return "count=0"
        if len(set(self.values)) == 1:
            return f"count={self.count} curr={self.values[-1]}" + ("(all same)" if self.count > 1 else "")
        text = f"count={self.count} first={self.values[0]} curr={self.values[-1]} min={min(self.values)}"
        text += f" max={max(self.values)} avg={number(self.average)} std={number(self.deviation)}"
        if has_percentiles:
            text += f" p5={self.percentile(5)} median={self.percentile(50)} p95={self.percentile(95)}"
        return text


def number(value: float) -> str:
    """A number as C++ streams print it: six significant digits."""
    return f"{value:g}"


def parse(
    arguments: Sequence[str],
    known: dict[str, str],
) -> tuple[dict[str, str], list[str]]:
    """Flags `--name=value` that are known, and all other arguments."""
    given, unknown = {}, []
    for argument in arguments:
        name, equals, value = argument.removeprefix("--").partition("=")
        if argument.startswith("--") and equals and name in known:
            given[name] = value
        else:
            unknown.append(argument)
    return given, unknown


def load(litert: Any, flags: dict[str, str], log: Log) -> Any:
    """An interpreter with random inputs.

    Raises:
        BenchmarkError: If there is no model, or it does not take the input shapes.
    """
    if not flags["graph"]:
        raise BenchmarkError("Please specify the name of your TF Lite input file with --graph")
    num_threads = int(flags["num_threads"])
    resolver = litert.OpResolverType.AUTO
    if is_true(flags.get("use_xnnpack", "true")):
        log.line("Created TensorFlow Lite XNNPACK delegate for CPU.")
    else:
        resolver = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        interpreter = litert.Interpreter(
            model_path=flags["graph"],
            num_threads=num_threads if num_threads > 0 else None,
            experimental_op_resolver_type=resolver,
        )
    except (ValueError, RuntimeError) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        raise BenchmarkError(f"Failed to mmap model {flags['graph']}") from error
    log.line(f"Loaded model {flags['graph']}")
    log.line("Initialized TensorFlow Lite runtime.")
    inputs = interpreter.get_input_details()
    names = list(filter(None, flags.get("input_layer", "").split(",")))
    shapes = list(filter(None, flags.get("input_layer_shape", "").split(":")))
    if len(names) != len(shapes):
        raise BenchmarkError("The number of items in --input_layer_shape must match the number of --input_layer")
    try:
        for index, (name, shape) in enumerate(zip(names, shapes, strict=True)):
            if inputs[index]["name"] != name:
                log.line(f"Tensor # {index} is named {inputs[index]['name']} but flags call it {name}", "WARN")
            interpreter.resize_tensor_input(inputs[index]["index"], [int(size) for size in shape.split(",")])
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError, IndexError) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        raise BenchmarkError("Failed to allocate tensors!") from error
    log_delegation(interpreter, log)
    fill_inputs(interpreter)
    return interpreter


def is_true(value: str) -> bool:
    """What the tool takes for true."""
    return value.lower() in ("true", "1")


def fill_inputs(interpreter: Any) -> None:
    """Set random inputs."""
    import numpy as np

    generator = np.random.default_rng(0)
    for tensor in interpreter.get_input_details():
        values = generator.uniform(-0.5, 0.5, tensor["shape"])
        if np.issubdtype(tensor["dtype"], np.integer):
            values = values * np.iinfo(tensor["dtype"]).max
        interpreter.set_tensor(tensor["index"], values.astype(tensor["dtype"]))


def log_delegation(interpreter: Any, log: Log) -> None:
    """Tell how many operators the delegate took; found by going back from its outputs to its inputs."""
    nodes = interpreter._get_ops_details()
    delegates = [node for node in nodes if "DELEGATE" in node["op_name"].upper()]
    others = [node for node in nodes if "DELEGATE" not in node["op_name"].upper()]
    if not delegates:
        return
    makers = {int(output): node["index"] for node in others for output in node["outputs"]}
    inputs_of = {node["index"]: [int(tensor) for tensor in node["inputs"]] for node in others}
    replaced: set[int] = set()
    for delegate in delegates:
        ends = {int(tensor) for tensor in delegate["inputs"]}
        waiting = [int(tensor) for tensor in delegate["outputs"]]
        while waiting:
            tensor = waiting.pop()
            if tensor not in ends and tensor in makers and makers[tensor] not in replaced:
                replaced.add(makers[tensor])
                waiting += inputs_of[makers[tensor]]
    text = f"Replacing {len(replaced)} out of {len(others)} node(s) with delegate (TfLiteXNNPackDelegate) node, "
    log.line(f"{text}yielding {len(delegates)} partitions for the whole graph.", "VERBOSE")


def run(
    invoke: Callable[[], None],
    num_runs: int,
    min_secs: float,
    flags: dict[str, str],
    log: Log,
) -> Statistics:
    """Time runs until both the least number and the least time are reached, or the longest time is."""
    max_secs, delay = float(flags["max_secs"]), float(flags["run_delay"])
    log.line(
        f"Running benchmark for at least {num_runs} iterations and at least {number(min_secs)} seconds "
        f"but terminate if exceeding {number(max_secs)} seconds."
    )
    values: list[int] = []
    begin = now = time.perf_counter()
    while (len(values) < num_runs or now < begin + min_secs) and now <= begin + max_secs:
        start = time.perf_counter_ns()
        invoke()
        values.append((time.perf_counter_ns() - start) // 1000)
        time.sleep(max(0.0, delay))
        now = time.perf_counter()
    statistics = Statistics(values)
    log.line(statistics.describe(has_percentiles=log.style != "old") + "\n")
    return statistics


def peak_memory_mb() -> float:
    """The largest resident size so far."""
    # Not `getrusage`, which counts the process that started this one, too.
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def benchmark(
    arguments: Sequence[str],
    log: Log,
    lacks: Sequence[str],
) -> None:
    """What the tool does.

    Raises:
        BenchmarkError: If there is nothing to measure.
    """
    known = {name: value for name, value in _FLAGS[log.style].items() if name not in lacks}
    given, unknown = parse(arguments, known)
    flags = {**known, **given}
    if unknown:
        log.line(f"Unconsumed cmdline flags: {' '.join(unknown)}", "WARN")
    log.line("Log parameter values verbosely: [0]")
    for name, title in _PARAMETERS.items():
        if name in given:
            value = str(int(is_true(given[name]))) if known[name] in ("true", "false") else given[name]
            log.line(f"{title}: [{value}]")
    if is_true(flags.get("use_gpu", "false")):
        log.line("GPU acceleration is unsupported on this platform.", "WARN")
    from ai_edge_litert import interpreter as litert  # here: what is imported later is measured

    memory_mb, start = peak_memory_mb(), time.perf_counter_ns()
    interpreter = load(litert, flags, log)
    startup_us = (time.perf_counter_ns() - start) // 1000
    init_mb = peak_memory_mb() - memory_mb
    log.line(f"The input model file size (MB): {number(Path(flags['graph']).stat().st_size / 1e6)}")
    log.line(f"Initialized session in {number(startup_us / 1e3)}ms.")
    warmup = run(interpreter.invoke, int(flags["warmup_runs"]), float(flags["warmup_min_secs"]), flags, log)
    regular = run(interpreter.invoke, int(flags["num_runs"]), float(flags["min_secs"]), flags, log)
    first_us = warmup.values[0] if warmup.values else 0
    if log.style == "litert":
        input_bytes = sum(interpreter.get_tensor(each["index"]).nbytes for each in interpreter.get_input_details())
        log_litert_summary(log, startup_us, warmup, regular, input_bytes)
        return
    log.line(
        f"Inference timings in us: Init: {startup_us}, First inference: {first_us}, "
        f"Warmup (avg): {number(warmup.average)}, Inference (avg): {number(regular.average)}"
    )
    log.line(
        "Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the "
        "actual memory footprint of the model at runtime. Take the information at your discretion."
    )
    overall_mb = peak_memory_mb() - memory_mb
    footprint = f"init={number(init_mb)} overall={number(overall_mb)}"
    log.line(f"Memory footprint delta from the start of the tool (MB): {footprint}")
    if is_true(flags.get("report_peak_memory_footprint", "false")):
        log.line(f"Overall peak memory footprint (MB) via periodic monitoring: {number(peak_memory_mb())}")
    if is_true(flags.get("enable_op_profiling", "false")):
        log_profile(interpreter, regular)


def log_profile(interpreter: Any, regular: Statistics) -> None:
    """The operator profile of a model that is a single delegate partition; LiteRT's Python tells no other times."""
    delegates = [node for node in interpreter._get_ops_details() if "DELEGATE" in node["op_name"].upper()]
    if len(delegates) != 1:
        return
    columns = ("[node type]", "[first]", "[avg ms]", "[%]", "[cdf%]", "[mem KB]", "[times called]", "[Name]")
    first, mean = f"{regular.values[0] / 1e3:.3f}", f"{regular.average / 1e3:.3f}"
    name = f"[{interpreter.get_output_details()[0]['name']}]:{delegates[0]['index']}"
    print("Operator-wise Profiling Info for Regular Benchmark Runs:")
    print("============================== Run Order ==============================")
    row = ("TfLiteXNNPackDelegate", first, mean, "100.000%", "100.000%", "0.000", "1", name)
    for cells in (columns, row):
        print("\t" + "\t".join(cells))
    print()


def log_litert_summary(
    log: Log,
    startup_us: int,
    warmup: Statistics,
    regular: Statistics,
    input_bytes: int,
) -> None:
    """The end of what LiteRT's tool prints."""
    log.summary("\n========== BENCHMARK RESULTS ==========")
    log.summary(f"Model initialization: {startup_us / 1e3:.2f} ms")
    if warmup.values:
        log.summary(f"Warmup (first):       {warmup.values[0] / 1e3:.2f} ms")
    log.summary(f"Warmup (avg):         {warmup.average / 1e3:.2f} ms ({warmup.count} runs)")
    log.summary(f"Inference (avg):      {regular.average / 1e3:.2f} ms ({regular.count} runs)")
    log.summary(f"Inference (min):      {min(regular.values, default=0) / 1e3:.2f} ms")
    log.summary(f"Inference (max):      {max(regular.values, default=0) / 1e3:.2f} ms")
    log.summary(f"Inference (std):      {regular.deviation / 1e3:.2f}")
    log.summary(f"Throughput:           {input_bytes / regular.average:.2f} MB/s")  # bytes per microsecond
    log.summary("======================================\n")


def main() -> int:
    """Measure the model that the command line names; the exit status."""
    log = Log(os.environ.get("BENCHMARK_STYLE", "new"))
    log.line("STARTING!")
    try:
        benchmark(sys.argv[1:], log, os.environ.get("BENCHMARK_LACKS", "").split(","))
    except BenchmarkError as error:
        log.line(str(error), "ERROR")
        log.line("Benchmarking failed.", "ERROR")
        return 1
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        raise SystemExit(main())
