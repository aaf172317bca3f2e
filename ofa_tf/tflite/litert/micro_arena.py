"""The memory that TFLite Micro's interpreter, which runs models on microcontrollers, takes for a model.

The interpreter, of the package `tflite-micro`, says it on its stderr only, so it runs in a process of its own.
"""

import dataclasses
import importlib.util
import re
import subprocess
import sys

from ofa_tf.base.errors import InputError

_PROGRAM = """
import sys
from tflite_micro import runtime
interpreter = runtime.Interpreter.from_bytes(sys.stdin.buffer.read(), arena_size={arena_size})
interpreter.print_allocations()
"""

_ARENA_SIZE = 1 << 30  # bytes that may be used; only what is needed is touched
_TIME_LIMIT_S = 300

_ALLOCATION = re.compile(r"Arena allocation (head|tail) (\d+) bytes")
_IMPORT_FAULT = re.compile(r"^\w*(?:ImportError|ModuleNotFoundError): .*$", re.MULTILINE)
_LACKING = re.compile(r"Didn't find op for builtin opcode '(\w+)'")


@dataclasses.dataclass(frozen=True)
class MicroArena:
    """What the interpreter allocates.

    Args:
        head_bytes: For activations and what kernels write while they run.
        tail_bytes: For what lives as long as the interpreter. On a microcontroller,
            whose pointers are half as long as this computer's, it is less.
    """

    head_bytes: int
    tail_bytes: int

    @property
    def arena_bytes(self) -> int:
        """Both."""
        return self.head_bytes + self.tail_bytes


def is_micro_installed() -> bool:
    """Whether the package `tflite-micro` is there."""
    return importlib.util.find_spec("tflite_micro") is not None


def measure_micro_arena(content: bytes) -> MicroArena:
    """Let TFLite Micro prepare a model.

    Args:
        content: Content of a `.tflite` file.

    Raises:
        InputError: If it lacks operators of the model, cannot prepare it, or does not work.
    """
    program = _PROGRAM.format(arena_size=_ARENA_SIZE)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=content,
            capture_output=True,
            timeout=_TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"Expected TFLite Micro to prepare the model within {_TIME_LIMIT_S} s. Received: it was still at it. "
            "Try again when the computer has less to do."
        ) from error
    told = done.stderr.decode(errors="replace")
    sizes = {end: int(size) for end, size in _ALLOCATION.findall(told)}
    if done.returncode == 0 and sizes.keys() == {"head", "tail"}:
        return MicroArena(head_bytes=sizes["head"], tail_bytes=sizes["tail"])
    fault = _IMPORT_FAULT.search(told)
    if fault is not None:
        raise InputError(
            f"Expected the package tflite-micro to work. Received: {fault.group()}. Install it again: "
            "pip install --force-reinstall tflite-micro."
        )
    raise InputError(
        f"Expected a model that TFLite Micro runs. Received: {_reason(told)}. Take another quantization, such as int8, "
        "or another target."
    )


def _reason(told: str) -> str:
    """Why a model was refused, from what the interpreter said."""
    lacking = dict.fromkeys(_LACKING.findall(told))
    if lacking:
        return f"one with operators that it lacks: {', '.join(lacking)}"
    by_interpreter, _, by_python = told.partition("Traceback")
    lines = by_interpreter.split("\n")[:1] + by_python.strip().split("\n")[-1:]
    reasons = [line.strip() for line in lines if line.strip()]
    if not reasons:
        return "one that it refuses without saying why"
    return f"one of which it says {reasons[0]!r}"
