"""The program `benchmark_model` on a phone: where it comes from, how it is called, and what it says.

`binary.py` is where the program comes from. `program.py` calls it on the phone, with one of the `delegates.py`;
`printed_output.py` reads what it prints, line by line (`output_lines.py`), with its `operator_profile.py`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "binary": ["fetch_benchmark_binary", "find_benchmark_binary"],
        "delegates": ["DELEGATES"],
        "operator_profile": ["Operator"],
        "printed_output": ["BenchmarkOutput"],
        "program": ["BenchmarkProgram", "install_benchmark_program"],
    },
)
