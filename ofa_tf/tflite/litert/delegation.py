"""How LiteRT will run a TFLite model on a CPU: what its XNNPACK delegate takes, and the memory of the activations."""

import collections
import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.tflite.litert.interpreter import create_interpreter
from ofa_tf.tflite.litert.metadata import read_tflite


@dataclasses.dataclass(frozen=True)
class Execution:
    """What `inspect_execution` finds.

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


def inspect_execution(model: bytes | str | Path) -> Execution:
    """Load a model as a phone would and see who runs what.

    Args:
        model: Content of a `.tflite` file, or its path.

    Raises:
        InputError: If the model is missing, damaged or cannot be prepared.
    """
    content, name = read_tflite(model)
    interpreter = create_interpreter(content, name)
    nodes = interpreter._get_ops_details()
    operators = [node for node in nodes if node["op_name"] != "DELEGATE"]
    delegates = [node for node in nodes if node["op_name"] == "DELEGATE"]
    producer = {int(tensor): index for index, node in enumerate(operators) for tensor in node["outputs"]}
    delegated: set[int] = set()
    for delegate in delegates:
        borders = {int(tensor) for tensor in delegate["inputs"]}
        open_tensors = [int(tensor) for tensor in delegate["outputs"]]
        while open_tensors:
            index = producer.get(open_tensors.pop())
            if index is None or index in delegated:
                continue
            delegated.add(index)
            open_tensors += [int(tensor) for tensor in operators[index]["inputs"] if int(tensor) not in borders]
    left = collections.Counter(node["op_name"] for index, node in enumerate(operators) if index not in delegated)
    return Execution(len(operators), len(delegates), dict(left), _peak_ram_bytes(interpreter, operators))


def _peak_ram_bytes(interpreter: Any, operators: list[dict[str, Any]]) -> int:
    sizes = {
        int(tensor["index"]): math.prod(int(size) for size in tensor["shape"]) * np.dtype(tensor["dtype"]).itemsize
        for tensor in interpreter.get_tensor_details()
    }
    inputs = [int(tensor["index"]) for tensor in interpreter.get_input_details()]
    outputs = [int(tensor["index"]) for tensor in interpreter.get_output_details()]
    born = dict.fromkeys(inputs, 0)
    dies: dict[int, int] = {}
    for index, node in enumerate(operators):
        born |= {int(tensor): index for tensor in node["outputs"]}
        dies |= {int(tensor): index for tensor in node["inputs"]}
    dies |= dict.fromkeys(outputs, len(operators))
    alive = np.zeros(len(operators) + 1, np.int64)
    for tensor, start in born.items():  # constants are never born
        alive[start : dies.get(tensor, start) + 1] += sizes.get(tensor, 0)
    return int(alive.max(initial=0))
