"""Delegation: which operators of a model the CPU's delegate, XNNPACK, takes, and the memory of the activations."""

import collections
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ofa_tf.tflite.litert.arena_size import measure_arena
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
        peak_ram_bytes: What LiteRT allocates for activations without the delegate,
            which keeps them in memory of its own, see `measure_arena`.
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
        peak_ram_bytes=measure_arena(content),
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


def _tensors(operator: _Operator, kind: str) -> list[int]:
    """The indices of the tensors that an operator takes (`"inputs"`) or makes (`"outputs"`)."""
    return [int(tensor) for tensor in operator[kind]]
