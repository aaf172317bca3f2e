"""The programs called `benchmark_model` by the names that users have for them, and which of them a file is."""

from pathlib import Path

from ofa_tf.base.registry import Registry
from ofa_tf.devices.android.benchmark_model.benchmark_tool import BenchmarkTool
from ofa_tf.devices.android.benchmark_model.litert_tool import LiteRTTool
from ofa_tf.devices.android.benchmark_model.tflite_tool import TFLiteTool

TFLITE = TFLiteTool()
LITERT = LiteRTTool()

BENCHMARK_TOOLS: Registry[BenchmarkTool] = Registry("benchmark tool")
for _tool in (TFLITE, LITERT):
    BENCHMARK_TOOLS.register(_tool.name, _tool)


def tool_of_file(binary: Path) -> BenchmarkTool:
    """Which program a file is."""
    return LITERT if LITERT.is_in(binary.read_bytes()) else TFLITE
