"""LiteRT interpreters in the measuring process: loading them and timing their runs."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# What LiteRT raises for files that it cannot read, shapes that a model does not take and operators that fail.
LOAD_ERRORS = (ValueError, RuntimeError, IndexError, OSError)


def load_interpreter(
    path: str,
    input_shape: Sequence[int] | None,
    num_threads: int,
) -> Any:
    """An interpreter with random inputs that ran once.

    Args:
        path: The model's file.
        input_shape: Shape to give the first input; `None` keeps the model's own.
        num_threads: Threads of the interpreter.

    Raises:
        LOAD_ERRORS: If it does not run.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=num_threads)
    first_input = interpreter.get_input_details()[0]
    if input_shape:
        interpreter.resize_tensor_input(first_input["index"], input_shape)
    interpreter.allocate_tensors()
    for tensor in interpreter.get_input_details():
        values = _random_input(tensor["shape"], tensor["dtype"])
        interpreter.set_tensor(tensor["index"], values)
    interpreter.invoke()
    return interpreter


def num_partitions(interpreter: Any) -> int | None:
    """Number of parts that the delegate took over; `None` if LiteRT does not tell."""
    try:
        operators = interpreter._get_ops_details()
    except AttributeError:  # a private method, gone some day
        return None
    return sum("DELEGATE" in operator["op_name"] for operator in operators)


def timed_runs(
    invoke: Callable[[], None],
    warmup_runs: int,
    num_runs: int,
) -> list[tuple[int, int]]:
    """Wall time of each run, and processor time that this thread got meanwhile, nanoseconds.

    Args:
        invoke: Runs the model once.
        warmup_runs: Runs before those that are timed.
        num_runs: Runs that are timed.
    """
    clock = time.perf_counter_ns
    processor_clock = time.thread_time_ns
    for _ in range(warmup_runs):
        invoke()
    durations = []
    for _ in range(num_runs):
        processor_start = processor_clock()
        start = clock()
        invoke()
        wall_ns = clock() - start
        processor_ns = processor_clock() - processor_start
        durations.append((wall_ns, processor_ns))
    return durations


def _random_input(shape: np.ndarray, dtype: type) -> np.ndarray:
    # Not zeros: denormal numbers and zero inputs can be faster or slower than images.
    values = np.random.default_rng(0).standard_normal(tuple(shape))
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        values = np.clip(values * limits.max / 3, limits.min, limits.max)
    return values.astype(dtype)
