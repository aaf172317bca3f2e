"""The memory that the operators of a part need while they run one after the other."""

import collections
from collections.abc import Sequence

from ofa_tf.tflite.footprint.arena import Tensor, plan_arena
from ofa_tf.tflite.footprint.operators import Operator
from ofa_tf.tflite.graph.graph import INPUT

_BYTES_PER_SUM = 4  # of a mean, which adds up in 32 bits
_SMALLEST_SHARED_BYTES = 5  # LiteRT lets single numbers keep a place of their own


def peak_bytes(
    operators: Sequence[Operator],
    *,
    num_input_values: int,
    bytes_per_value: int,
    counts_input: bool,
) -> int:
    """The size of LiteRT's arena for some operators, without a delegate and on one thread.

    With a delegate it is smaller, as the delegate keeps activations in memory of its own.
    Kernels on several threads do without the matrix of windows, which is largest.

    Args:
        operators: In the order in which they run; the last one's output is kept.
        num_input_values: Entries of what the first ones take.
        bytes_per_value: Memory of an activation.
        counts_input: Whether the input takes memory of the part; that of a network is
            kept from beginning to end, and is counted once for all parts.
    """
    owners = _memory_owners(operators, num_input_values, bytes_per_value)
    size_bytes = {operator.output: operator.num_values * bytes_per_value for operator in operators}
    size_bytes[INPUT] = num_input_values * bytes_per_value

    first_step = {INPUT: 0}
    last_step = {INPUT: 0}
    for step, operator in enumerate(operators):
        for name in (*operator.inputs, operator.output):
            owner = owners[name]
            first_step.setdefault(owner, step)
            last_step[owner] = step

    if not counts_input:
        del first_step[INPUT]
    tensors = [Tensor(size_bytes[name], first, last_step[name]) for name, first in first_step.items()]
    for step, operator in enumerate(operators):
        tensors.append(Tensor(_scratch_bytes(operator, bytes_per_value), step, step))
    return plan_arena([tensor for tensor in tensors if tensor.size_bytes])


def _memory_owners(
    operators: Sequence[Operator],
    num_input_values: int,
    bytes_per_value: int,
) -> dict[str, str]:
    """The tensor in whose memory each tensor lies: its own, or that of an input that nothing else takes."""
    num_uses = collections.Counter(name for operator in operators for name in operator.inputs)
    num_values = {INPUT: num_input_values}
    owners = {INPUT: INPUT}
    for operator in operators:
        num_values[operator.output] = operator.num_values
        owners[operator.output] = operator.output
        is_scalar = operator.num_values * bytes_per_value < _SMALLEST_SHARED_BYTES
        if not operator.may_run_in_place or is_scalar:
            continue
        for name in operator.inputs:
            if num_uses[name] == 1 and num_values[name] == operator.num_values:
                owners[operator.output] = owners[name]
                break
    return owners


def _scratch_bytes(operator: Operator, bytes_per_value: int) -> int:
    if operator.op == "mean":
        return operator.num_values * _BYTES_PER_SUM
    return operator.num_scratch_values * bytes_per_value
