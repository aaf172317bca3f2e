"""The memory that LiteRT allocates for the activations of a model."""

from typing import Any

import numpy as np

from ofa_tf.base.native_output import withheld_stderr
from ofa_tf.tflite.litert.interpreter import create_undelegated_interpreter

_LARGEST_HOLE = 64  # bytes, between tensors that are aligned to as many


def measure_arena(content: bytes) -> int:
    """The size of the arena that the interpreter allocates without a delegate, on one thread.

    LiteRT does not tell it, but where each tensor lies. The arena begins with the model's
    input; behind it are activations and what kernels write while they run. It ends before
    the first hole: weights that are unpacked when the model is loaded lie elsewhere. So do
    tensors whose size is only known when the model runs, as behind an open batch: they
    are not counted.

    Args:
        content: Content of a `.tflite` file that LiteRT can run.

    Returns:
        Bytes.
    """
    interpreter = create_undelegated_interpreter(content, keeps_tensors=False)
    with withheld_stderr():
        interpreter.allocate_tensors()
    spans = sorted(_memory_spans(interpreter))
    model_input = interpreter.get_input_details()[0]
    start, _ = _span(interpreter.tensor(int(model_input["index"]))())

    end = start
    for first, last in spans:
        if first < start:
            continue
        if first > end + _LARGEST_HOLE:
            break
        end = max(end, last)
    return end - start


def _memory_spans(interpreter: Any) -> list[tuple[int, int]]:
    """The first address and the one behind the last of all tensors but those that the file holds."""
    made: set[int] = set()
    taken: set[int] = set()
    for operator in interpreter._get_ops_details():
        made.update(int(index) for index in operator["outputs"])
        taken.update(int(index) for index in operator["inputs"])
    inputs = {int(tensor["index"]) for tensor in interpreter.get_input_details()}
    constants = taken - made - inputs

    spans: list[tuple[int, int]] = []
    for tensor in interpreter.get_tensor_details():
        index = int(tensor["index"])
        if index in constants:
            continue
        try:
            values = interpreter.tensor(index)()
        except ValueError:  # it has no memory before the model runs
            continue
        spans.append(_span(values))
    return spans


def _span(values: np.ndarray) -> tuple[int, int]:
    start = int(values.__array_interface__["data"][0])
    return start, start + values.nbytes
