"""The program `benchmark_model` on a phone: which there are, how they are called, and what they say.

Two programs have that name. `benchmark_tool.py` is what differs between them, `tflite_tool.py` and `litert_tool.py` are
the two, and `benchmark_tools.py` tells which of them a file is; `binary.py` is where they come from. `program.py` calls
one on the phone, with one of the `delegates.py`. What it finds is a `benchmark_output.py`: `printed_output.py` reads it
from what is printed, line by line (`output_lines.py`), with its `operator_profile.py`; `result_files.py` reads it from
files.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "benchmark_output": ["BenchmarkOutput"],
        "benchmark_tool": ["BenchmarkTool", "ModelFiles", "read_model"],
        "benchmark_tools": ["BENCHMARK_TOOLS", "TFLITE", "check_is_tool", "tool_of_file"],
        "binary": ["fetch_benchmark_binary", "find_benchmark_binary"],
        "delegates": ["AUTOMATIC_PRECISION", "DELEGATE_NAMES", "GPU_PRECISIONS", "XNNPACK", "Delegate"],
        "operator_profile": ["Operator"],
        "program": ["BenchmarkProgram", "install_benchmark_program"],
    },
)
