"""A stand-in for LiteRT's `benchmark_model`: its flags, output and files, with models compiled and run by LiteRT.

Run as a program it measures; `install_litert_benchmark_model` makes a launcher that may be copied anywhere. The GPU is
the one in software of `software_gpu.py`.
"""

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.benchmark_model import (
    COMMON_FLAGS,
    BenchmarkError,
    Log,
    Statistics,
    is_true,
    main,
    peak_memory_mb,
    read_flags,
    run,
    write_launcher,
)
from tests.support.software_gpu import DRIVER

_STYLE = "litert"
_FLAGS = {
    **COMMON_FLAGS,
    "signature_to_run_for": "",
    "use_cpu": "true",
    "use_npu": "false",
    "require_full_delegation": "false",
    "gpu-precision": "auto",
    "result_file_path": "",
    "model_runtime_info_output_file": "",
}
_LOG_PREFIX = "INFO: [./litert/tools/benchmark_litert_model.h:92] "
_BYTES_PER_MB = 1e6


def install_litert_benchmark_model(
    path: Path,
    lacks: Sequence[str] = (),
    *,
    has_gpu: bool = True,
    leaves_to_cpu: int = 0,
    written_ms: float = 0.0,
) -> Path:
    """Write an executable that runs this program, with the Python that runs the tests.

    Args:
        path: The file to write.
        lacks: Flags that it does not know, without dashes, as other versions of the tool do.
        has_gpu: Whether it finds the GPU in software, if there is one.
        leaves_to_cpu: So many operators it says to have left to the CPU, as a GPU may that declines some.
        written_ms: What it writes for each time, instead of those that it prints; 0: these.

    Returns:
        `path`.
    """
    settings = {
        "BENCHMARK_STYLE": _STYLE,
        "BENCHMARK_LACKS": ",".join(lacks),
        "BENCHMARK_LEAVES_TO_CPU": str(leaves_to_cpu),
        "BENCHMARK_WRITTEN_MS": str(written_ms),
        "VK_ICD_FILENAMES": str(DRIVER) if has_gpu else "/nowhere",
    }
    return write_launcher(path, Path(__file__), settings, mark="benchmark_litert_model")


def benchmark(arguments: Sequence[str], log: Log, known: dict[str, str]) -> None:
    """What the tool does.

    Raises:
        BenchmarkError: If there is nothing to measure.
    """
    flags = read_flags(arguments, log, known)
    memory_mb = peak_memory_mb()
    start = time.perf_counter_ns()
    model = compile_model(flags)
    number = find_signature(model, flags["signature_to_run_for"])
    inputs, outputs = model.create_input_buffers(number), model.create_output_buffers(number)
    fill_inputs(model, number, inputs)
    startup_us = (time.perf_counter_ns() - start) // 1000
    write_runtime_info(flags)

    def invoke() -> None:
        model.run_by_index(number, inputs, outputs)

    warmup = run(invoke, int(flags["warmup_runs"]), float(flags["warmup_min_secs"]), flags, log)
    regular = run(invoke, int(flags["num_runs"]), float(flags["min_secs"]), flags, log)
    log_summary(startup_us, warmup, regular)
    write_result(flags, startup_us, warmup, regular, peak_memory_mb() - memory_mb)


def compile_model(flags: dict[str, str]) -> Any:
    """The model, compiled for the accelerators of the flags.

    Raises:
        BenchmarkError: If it cannot be; like an optimized build, without a reason.
    """
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator
    from ai_edge_litert.options import CpuOptions, GpuOptions, Options

    requires_all = is_true(flags.get("require_full_delegation", "false"))
    if is_true(flags["use_cpu"]) and requires_all:
        print("ERROR: Requesting full delegation and CPU acceleration are incompatible.", file=sys.stderr, flush=True)
        os.abort()
    accelerators = HardwareAccelerator(0)
    if not requires_all:
        accelerators |= HardwareAccelerator.CPU
    if is_true(flags["use_gpu"]):
        accelerators |= HardwareAccelerator.GPU
    options = Options(
        hardware_accelerators=accelerators,
        cpu_options=CpuOptions(num_threads=max(1, int(flags["num_threads"]))),
        gpu_options=GpuOptions(enforce_f32=flags.get("gpu-precision") == "fp32"),
    )
    try:
        return CompiledModel.from_file(flags["graph"], options=options)
    except (ValueError, RuntimeError) as error:
        raise BenchmarkError from error


def find_signature(model: Any, name: str) -> int:
    """The number of a signature; the first if none is named.

    Raises:
        BenchmarkError: If there is none of that name.
    """
    if not name:
        return 0
    if name not in model.get_signature_list():
        raise BenchmarkError
    return int(model.get_signature_index(name))


def fill_inputs(model: Any, number: int, inputs: Sequence[Any]) -> None:
    """Set random inputs."""
    import numpy as np

    generator = np.random.default_rng(0)
    key = model.get_signature_by_index(number)["key"]
    for buffer, details in zip(inputs, model.get_input_tensor_details(key).values(), strict=True):
        dtype = np.dtype(details["dtype"])
        values = generator.uniform(-0.5, 0.5, details["shape"])
        if np.issubdtype(dtype, np.integer):
            values = values * np.iinfo(dtype).max
        buffer.write(np.ascontiguousarray(values.astype(dtype)))


def write_runtime_info(flags: dict[str, str]) -> None:
    """Write what runs where, as LiteRT's interpreter has it, on the CPU; for a GPU, as if it took everything."""
    path = flags.get("model_runtime_info_output_file", "")
    if not path:
        return
    from ai_edge_litert import interpreter as litert
    from ai_edge_litert import model_runtime_info_pb2

    interpreter = litert.Interpreter(model_path=flags["graph"])
    interpreter.allocate_tensors()
    details = model_runtime_info_pb2.ModelRuntimeDetails()
    graph = details.subgraphs.add(subgraph_id=0)
    is_on_gpu = is_true(flags["use_gpu"])
    num_left = int(os.environ.get("BENCHMARK_LEAVES_TO_CPU", "0"))
    nodes = interpreter._get_ops_details()
    delegates = [node["index"] for node in nodes if "DELEGATE" in node["op_name"].upper()]
    for node in nodes:
        message = graph.nodes.add(id=node["index"], name=node["op_name"])
        if node["index"] in delegates:
            name = "LITERT_CL" if is_on_gpu else "TfLiteXNNPackDelegate"
            message.delegate_node_details.delegate_name = name
    left = [node["index"] for node in nodes if node["index"] not in delegates][:num_left]
    graph.execution_plan.extend([*left, *delegates])
    Path(path).write_bytes(details.SerializeToString())


def log_summary(startup_us: int, warmup: Statistics, regular: Statistics) -> None:
    """The end of what the tool prints."""
    lines = [
        "\n========== BENCHMARK RESULTS ==========",
        f"Model initialization: {startup_us / 1e3:.2f} ms",
        f"Warmup (avg):         {warmup.average / 1e3:.2f} ms ({warmup.count} runs)",
        f"Inference (avg):      {regular.average / 1e3:.2f} ms ({regular.count} runs)",
        f"Inference (std):      {regular.deviation / 1e3:.2f}",
        "======================================\n",
    ]
    for line in lines:
        print(_LOG_PREFIX + line, file=sys.stderr, flush=True)


def write_result(
    flags: dict[str, str], startup_us: int, warmup: Statistics, regular: Statistics, overall_mb: float
) -> None:
    """Write a `BenchmarkResult`, byte by byte, so that reading it depends on nothing that wrote it."""
    path = flags.get("result_file_path", "")
    if not path:
        return
    microseconds = [
        regular.average,
        min(regular.values),
        max(regular.values),
        regular.deviation,
        regular.percentile(50),
        regular.percentile(5),
        regular.percentile(95),
        startup_us,
        warmup.values[0] if warmup.values else 0,
        warmup.average if warmup.values else 0,
    ]
    written_ms = float(os.environ.get("BENCHMARK_WRITTEN_MS", "0"))
    latency = b""
    for number, value_us in enumerate(microseconds, start=1):
        latency += float_field(number, written_ms or value_us / 1e3)
    memory = integer_field(2, round(overall_mb * 1024))
    if is_true(flags["report_peak_memory_footprint"]):
        memory += float_field(3, peak_memory_mb())
    size_mb = Path(flags["graph"]).stat().st_size / _BYTES_PER_MB
    misc = float_field(1, size_mb) + integer_field(2, regular.count) + integer_field(3, warmup.count)
    Path(path).write_bytes(message_field(2, latency) + message_field(3, memory) + message_field(4, misc))


def float_field(number: int, value: float) -> bytes:
    """A field of a protocol buffer: its number with the type of 32 bits, and these."""
    import struct

    return bytes([number << 3 | 5]) + struct.pack("<f", value)


def integer_field(number: int, value: int) -> bytes:
    """The same for an integer, in groups of 7 bits."""
    return bytes([number << 3]) + varint(value)


def message_field(number: int, content: bytes) -> bytes:
    """The same for a message, after its length."""
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def varint(value: int) -> bytes:
    """An integer in groups of 7 bits, the lowest first."""
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    groups.append(value)
    return bytes(groups)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        raise SystemExit(main(benchmark, {_STYLE: _FLAGS}))
