"""Delegation: which operators of a model the CPU's delegate, XNNPACK, takes, and the memory of the activations."""

import collections
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.tflite.litert.interpreter import create_interpreter
from ofa_tf.tflite.litert.metadata import read_tflite

_DELEGATE = "DELEGATE"  # name of the operator that stands for a partition

_Operator = dict[str, Any]  # as the interpreter describes it


@dataclasses.dataclass(frozen=True)
class Delegation:
    """Who runs the operators of a model.

    Args:
        num_operators: Operators of the model.
        num_partitions: Runs of operators that the delegate takes; 1 is best:
            activations change hands at each border.
        undelegated: Operators that the delegate does not take, by name, with
            their number.
        peak_ram_bytes: Activations that are alive at the same time, at most, when
            the operators run one by one: what an arena needs at least.
    """

    num_operators: int
    num_partitions: int
    undelegated: dict[str, int]
    peak_ram_bytes: int


def inspect_delegation(model: bytes | str | Path) -> Delegation:
    """Load a model as a phone would and see who runs what.

    Args:
        model: Content of a `.tflite` file, or its path.

    Raises:
        InputError: If the model is missing, damaged or cannot be prepared.
    """
    content, name = read_tflite(model)
    interpreter = create_interpreter(content, name)
    nodes = interpreter._get_ops_details()
    operators = [node for node in nodes if node["op_name"] != _DELEGATE]
    partitions = [node for node in nodes if node["op_name"] == _DELEGATE]
    delegated = _find_delegated(operators, partitions)
    left = [operator for index, operator in enumerate(operators) if index not in delegated]
    undelegated = collections.Counter(operator["op_name"] for operator in left)
    return Delegation(
        num_operators=len(operators),
        num_partitions=len(partitions),
        undelegated=dict(undelegated),
        peak_ram_bytes=_peak_ram_bytes(interpreter, operators),
    )


def _find_delegated(
    operators: Sequence[_Operator],
    partitions: Sequence[_Operator],
) -> set[int]:
    """The indices of the operators that lie in some partition: between its outputs and its inputs."""
    producer: dict[int, int] = {}  # index of an operator by that of the tensor it makes
    for index, operator in enumerate(operators):
        producer |= dict.fromkeys(_tensors(operator, "outputs"), index)

    delegated: set[int] = set()
    for partition in partitions:
        borders = set(_tensors(partition, "inputs"))
        to_visit = _tensors(partition, "outputs")
        while to_visit:
            maker = producer.get(to_visit.pop())
            if maker is None or maker in delegated:  # None: of a constant
                continue
            delegated.add(maker)
            inputs = _tensors(operators[maker], "inputs")
            to_visit += [tensor for tensor in inputs if tensor not in borders]
    return delegated


def _peak_ram_bytes(interpreter: Any, operators: Sequence[_Operator]) -> int:
    """The most memory that activations take at the same time.

    One is alive from the step that makes it to the last that takes it; a model's
    inputs are made in the first step, and its outputs are taken after the last.
    """
    num_steps = len(operators) + 1
    first_step: dict[int, int] = {}
    last_step: dict[int, int] = {}
    first_step |= dict.fromkeys(_indices(interpreter.get_input_details()), 0)
    for step, operator in enumerate(operators):
        first_step |= dict.fromkeys(_tensors(operator, "outputs"), step)
        last_step |= dict.fromkeys(_tensors(operator, "inputs"), step)
    last_step |= dict.fromkeys(_indices(interpreter.get_output_details()), num_steps - 1)

    size_bytes: dict[int, int] = {}
    for details in interpreter.get_tensor_details():
        size_bytes[int(details["index"])] = _size_bytes(details)
    alive_bytes = np.zeros(num_steps, np.int64)
    for tensor, first in first_step.items():  # which constants are not in
        last = last_step.get(tensor, first)
        alive_bytes[first : last + 1] += size_bytes.get(tensor, 0)
    return int(alive_bytes.max(initial=0))


def _tensors(operator: _Operator, kind: str) -> list[int]:
    """The indices of the tensors that an operator takes (`"inputs"`) or makes (`"outputs"`)."""
    return [int(tensor) for tensor in operator[kind]]


def _indices(tensors: Sequence[dict[str, Any]]) -> list[int]:
    return [int(tensor["index"]) for tensor in tensors]


def _size_bytes(tensor: dict[str, Any]) -> int:
    num_values = math.prod(int(size) for size in tensor["shape"])
    return num_values * np.dtype(tensor["dtype"]).itemsize
