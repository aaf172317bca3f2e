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

STYLES = ("new", "old")

COMMON_FLAGS = {
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
        **COMMON_FLAGS,
        "input_layer": "",
        "input_layer_shape": "",
        "input_layer_value_files": "",
        "output_filepath": "",
        "enable_op_profiling": "false",
        "use_xnnpack": "true",
        "use_nnapi": "false",
    },
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
    "input_layer_value_files": "Input value files",
    "output_filepath": "File path to export outputs layer to",
    "enable_op_profiling": "Enable op profiling",
    "use_xnnpack": "Use xnnpack",
    "use_gpu": "Use gpu",
    "use_nnapi": "Use NNAPI",
}


def install_benchmark_model(
    path: Path,
    style: str = "new",
    lacks: Sequence[str] = (),
    *,
    spoils: bool = False,
) -> Path:
    """Write an executable that runs this program, with the Python that runs the tests.

    Args:
        path: The file to write.
        style: Whose output to print: `"new"` (lines start with a severity, with percentiles),
            or `"old"` (without both). For LiteRT's see `litert_benchmark_model.py`.
        lacks: Flags that it does not know, without dashes, as other versions of the tool do.
        spoils: Whether it gives outputs in the wrong order, as a broken delegate might.

    Returns:
        `path`.
    """
    if style not in STYLES:
        raise ValueError(f"Expected `style` to be one of {STYLES}. Received: style={style!r}.")
    settings = {"BENCHMARK_STYLE": style, "BENCHMARK_LACKS": ",".join(lacks), "BENCHMARK_SPOILS": str(spoils).lower()}
    return write_launcher(path, Path(__file__), settings)


def write_launcher(path: Path, program: Path, settings: dict[str, str], mark: str = "benchmark_model") -> Path:
    """Write an executable that runs a Python program with settings in its environment, wherever it is copied to.

    Args:
        path: The file to write.
        program: What it runs.
        settings: Variables of the environment.
        mark: What is written into the file, besides: by this it is known which of the programs it is.

    Returns:
        `path`.
    """
    variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())
    call = shlex.join([sys.executable, "-I", str(program.resolve())])
    path.write_text(f'#!/bin/sh\n# {mark}\n{variables} exec {call} "$@"\n')
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
        stream = sys.stderr if severity == "ERROR" else sys.stdout
        print(prefix + text, file=stream, flush=True)


class Statistics:
    """Times of runs, microseconds."""

    def __init__(self, values: Sequence[int]) -> None:
        self.values = list(values)
        self.count = len(self.values)
        self.average = float("nan")
        self.deviation = 0.0
        if self.values:
            self.average = sum(self.values) / self.count
            squares = sum((value - self.average) ** 2 for value in self.values)
            self.deviation = (squares / self.count) ** 0.5

    def percentile(self, percent: int) -> int:
        """The value that the tool takes for a percentile."""
        return sorted(self.values)[self.count * percent // 100]

    def describe(self, has_percentiles: bool) -> str:
        """The line that starts with `count=`."""
        if not self.values:
            return "count=0 p5=0 median=0 p95=0" if has_percentiles else "count=0"
        text = f"count={self.count}"
        if self.count == 1:
            text += f" curr={self.values[0]}"
        elif len(set(self.values)) == 1:
            text += f" curr={self.values[0]}(all same)"
        else:
            text += f" first={self.values[0]} curr={self.values[-1]} min={min(self.values)} max={max(self.values)}"
            text += f" avg={number(self.average)} std={number(self.deviation)}"
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
    given = {}
    unknown = []
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
    interpreter = open_model(litert, flags, log)
    resize_inputs(interpreter, flags, log)
    log_delegation(interpreter, log)
    fill_inputs(interpreter)
    read_inputs(interpreter, flags)
    return interpreter


def read_inputs(interpreter: Any, flags: dict[str, str]) -> None:
    """Fill the inputs that have a file: `name:path,...`, with names of --input_layer.

    The tool aborts where it cannot.
    """
    import numpy as np

    names = split(flags.get("input_layer", ""), ",")
    for item in split(flags.get("input_layer_value_files", ""), ","):
        name, _, path = item.partition(":")
        if name not in names:
            layers = ",".join(names)
            abort(f"Cannot find the corresponding input_layer name({name}) in --input_layer as {layers}")
        tensor = interpreter.get_input_details()[names.index(name)]
        values = interpreter.get_tensor(tensor["index"])
        content = Path(path).read_bytes()
        if len(content) != values.nbytes:
            abort(f"The size of {path} is {len(content)} bytes. It should be {values.nbytes} bytes.")
        interpreter.set_tensor(tensor["index"], np.frombuffer(content, values.dtype).reshape(values.shape))


def abort(text: str) -> None:
    print(f"FATAL: {text}", file=sys.stderr, flush=True)
    os.abort()


def write_outputs(interpreter: Any, flags: dict[str, str]) -> None:
    """Write the outputs of the last run, if a file is named; that it cannot be written is not said."""
    path = flags.get("output_filepath", "")
    if not path:
        return
    with contextlib.suppress(OSError), open(path, "wb") as file:
        for tensor in interpreter.get_output_details():
            values = interpreter.get_tensor(tensor["index"])
            if is_true(os.environ.get("BENCHMARK_SPOILS", "false")):
                values = values[..., ::-1]
            file.write(values.tobytes())


def open_model(litert: Any, flags: dict[str, str], log: Log) -> Any:
    """An interpreter without tensors.

    Raises:
        BenchmarkError: If there is no model.
    """
    num_threads = int(flags["num_threads"])
    resolver = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    if is_true(flags.get("use_xnnpack", "true")):
        log.line("Created TensorFlow Lite XNNPACK delegate for CPU.")
        resolver = litert.OpResolverType.AUTO
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
    return interpreter


def resize_inputs(interpreter: Any, flags: dict[str, str], log: Log) -> None:
    """Give the inputs the shapes of the flags, and all tensors their memory.

    Raises:
        BenchmarkError: If the model does not take them.
    """
    names = split(flags.get("input_layer", ""), ",")
    shapes = split(flags.get("input_layer_shape", ""), ":")
    if len(names) != len(shapes):
        raise BenchmarkError("The number of items in --input_layer_shape must match the number of --input_layer")
    inputs = interpreter.get_input_details()
    try:
        for index, (name, shape) in enumerate(zip(names, shapes, strict=True)):
            tensor = inputs[index]
            if tensor["name"] != name:
                log.line(f"Tensor # {index} is named {tensor['name']} but flags call it {name}", "WARN")
            sizes = [int(size) for size in shape.split(",")]
            interpreter.resize_tensor_input(tensor["index"], sizes)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError, IndexError) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        raise BenchmarkError("Failed to allocate tensors!") from error


def split(text: str, separator: str) -> list[str]:
    """The parts of a text that are not empty."""
    return [part for part in text.split(separator) if part]


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


def find_delegates(interpreter: Any) -> list[Any]:
    """The nodes that stand for what a delegate took."""
    return [node for node in interpreter._get_ops_details() if is_delegate(node)]


def is_delegate(node: Any) -> bool:
    """Whether a node stands for what a delegate took."""
    return "DELEGATE" in node["op_name"].upper()


def log_delegation(interpreter: Any, log: Log) -> None:
    """Tell how many operators the delegate took; found by going back from its outputs to its inputs."""
    delegates = find_delegates(interpreter)
    others = [node for node in interpreter._get_ops_details() if not is_delegate(node)]
    if not delegates:
        return
    makers = {}  # the operator that makes a tensor
    for node in others:
        for output in node["outputs"]:
            makers[int(output)] = node
    replaced: set[int] = set()
    for delegate in delegates:
        ends = {int(tensor) for tensor in delegate["inputs"]}
        waiting = [int(tensor) for tensor in delegate["outputs"]]
        while waiting:
            tensor = waiting.pop()
            if tensor in ends or tensor not in makers:
                continue
            maker = makers[tensor]
            if maker["index"] not in replaced:
                replaced.add(maker["index"])
                waiting += [int(tensor) for tensor in maker["inputs"]]
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
    max_secs = float(flags["max_secs"])
    delay = float(flags["run_delay"])
    log.line(
        f"Running benchmark for at least {num_runs} iterations and at least {number(min_secs)} seconds "
        f"but terminate if exceeding {number(max_secs)} seconds."
    )
    values: list[int] = []
    begin = now = time.perf_counter()
    while now <= begin + max_secs:
        if len(values) >= num_runs and now >= begin + min_secs:
            break
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
    facts = {}
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        facts[name] = value
    kilobytes, _ = facts["VmHWM"].split()
    return int(kilobytes) / 1024


def read_flags(arguments: Sequence[str], log: Log, known: dict[str, str]) -> dict[str, str]:
    """The flags that the tool knows, as they are given or by default."""
    given, unknown = parse(arguments, known)
    if unknown:
        log.line(f"Unconsumed cmdline flags: {' '.join(unknown)}", "WARN")
    log.line("Log parameter values verbosely: [0]")
    for name, title in _PARAMETERS.items():
        if name not in given:
            continue
        value = given[name]
        if known[name] in ("true", "false"):
            value = str(int(is_true(value)))
        log.line(f"{title}: [{value}]")
    return {**known, **given}


def benchmark(
    arguments: Sequence[str],
    log: Log,
    known: dict[str, str],
) -> None:
    """What the tool does.

    Raises:
        BenchmarkError: If there is nothing to measure.
    """
    flags = read_flags(arguments, log, known)
    if is_true(flags.get("use_gpu", "false")):
        log.line("GPU acceleration is unsupported on this platform.", "WARN")
    from ai_edge_litert import interpreter as litert  # here: what is imported later is measured

    memory_mb = peak_memory_mb()
    start = time.perf_counter_ns()
    interpreter = load(litert, flags, log)
    startup_us = (time.perf_counter_ns() - start) // 1000
    init_mb = peak_memory_mb() - memory_mb
    log.line(f"The input model file size (MB): {number(Path(flags['graph']).stat().st_size / 1e6)}")
    log.line(f"Initialized session in {number(startup_us / 1e3)}ms.")
    invoke = interpreter.invoke
    warmup = run(invoke, int(flags["warmup_runs"]), float(flags["warmup_min_secs"]), flags, log)
    regular = run(invoke, int(flags["num_runs"]), float(flags["min_secs"]), flags, log)
    write_outputs(interpreter, flags)
    first_us = warmup.values[0] if warmup.values else 0
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
    delegates = find_delegates(interpreter)
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


def main(measure: Callable[[Sequence[str], Log, dict[str, str]], None], known: dict[str, dict[str, str]]) -> int:
    """Measure the model that the command line names.

    Args:
        measure: Does what the program does, with the arguments and the flags that it knows.
        known: Style -> these flags, with their defaults.

    Returns:
        The exit status.
    """
    log = Log(os.environ.get("BENCHMARK_STYLE", "new"))
    lacks = os.environ.get("BENCHMARK_LACKS", "").split(",")
    log.line("STARTING!")
    known_flags = {name: value for name, value in known[log.style].items() if name not in lacks}
    try:
        measure(sys.argv[1:], log, known_flags)
    except BenchmarkError as error:
        if str(error):
            log.line(str(error), "ERROR")
        log.line("Benchmarking failed.", "ERROR")
        return 1
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        raise SystemExit(main(benchmark, _FLAGS))
