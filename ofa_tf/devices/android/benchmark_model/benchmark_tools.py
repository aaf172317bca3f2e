"""The programs called `benchmark_model` by the names that users have for them, and which of them a file is."""

from pathlib import Path

from ofa_tf.base.errors import InputError
from ofa_tf.base.registry import Registry
from ofa_tf.devices.android.benchmark_model.benchmark_tool import BenchmarkTool
from ofa_tf.devices.android.benchmark_model.litert_tool import LiteRTTool
from ofa_tf.devices.android.benchmark_model.tflite_tool import TFLiteTool

# Android's programs, and scripts, which may call one.
_BEGINNINGS_OF_PROGRAMS = (b"\x7fELF", b"#!")
_NUM_BYTES_TOLD = 16

TFLITE = TFLiteTool()
LITERT = LiteRTTool()

BENCHMARK_TOOLS: Registry[BenchmarkTool] = Registry("benchmark tool")
for _tool in (TFLITE, LITERT):
    BENCHMARK_TOOLS.register(_tool.name, _tool)


def tool_of_file(binary: Path) -> BenchmarkTool:
    """Which program a file is.

    Raises:
        InputError: If it is no program, or cannot be read.
    """
    try:
        content = binary.read_bytes()
    except OSError as error:
        raise InputError(f"Expected to read benchmark_model in {binary}. Received: {error}. Name another.") from error
    if not content.startswith(_BEGINNINGS_OF_PROGRAMS):
        raise InputError(
            f"Expected {binary} to be benchmark_model, a program (ELF). Received: a file that begins with "
            f"{content[:_NUM_BYTES_TOLD]!r}. Name another; tools/benchmark.py --fetch_benchmark_binary gets one."
        )
    return LITERT if LITERT.is_in(content) else TFLITE


def check_is_tool(binary: Path, tool: BenchmarkTool) -> None:
    """Check that a file is a program.

    Raises:
        InputError: If it is the other one, or cannot be read.
    """
    found = tool_of_file(binary)
    if found is not tool:
        raise InputError(
            f"Expected {binary} to be {tool.title} (--benchmark_tool={tool.name}). Received: {found.title}. "
            f"Name another file, or --benchmark_tool={found.name}."
        )
