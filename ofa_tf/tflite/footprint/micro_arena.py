"""The arena of TFLite Micro: what its interpreter needs of a microcontroller's memory, beside the model itself.

It has two ends. The *head* holds activations and what kernels write while they run; it is laid out here as TFLite
Micro's `GreedyMemoryPlanner` does it. The *tail* holds what lives as long as the interpreter: its tables of tensors
and operators, and two numbers of 32 bits for each channel of each convolution, its multiplier and its shift.

How large the tables are was fitted to measured arenas (docs/decisions/047-microcontrollers.md). These are those of the
interpreter for computers with 64 bits; with pointers of 32 bits a microcontroller's are smaller.
"""

import bisect
from collections.abc import Sequence
from typing import NamedTuple

from ofa_tf.tflite.footprint.arena import Tensor
from ofa_tf.tflite.footprint.operators import ConstantKind, Operator
from ofa_tf.tflite.graph.graph import INPUT
from ofa_tf.tflite.quantization.modes import QuantizationMode

_ALIGNMENT = 16  # bytes, of all that lies in the arena
_BYTES_PER_SUM = 4  # of a mean, which adds up in 32 bits
_BYTES_PER_CHANNEL = 4  # of a multiplier, and of a shift
_TABLES_OF_CHANNELS = 2

# What is added to the tail: the fit is off by half as much at most, and what a search accepts must hold.
_MARGIN = 0.01


class _TailBytes(NamedTuple):
    """What the tail of an arena consists of, bytes.

    Args:
        network: Whatever the network.
        operator: For each operator without weights.
        with_weights: For each operator with weights, beside its channels.
    """

    network: int
    operator: int
    with_weights: int


_TAIL_OF_INTEGERS = _TailBytes(network=1100, operator=99, with_weights=266)
_TAIL_OF_FLOATS = _TailBytes(network=300, operator=85, with_weights=286)


class _Place(NamedTuple):
    """Where a tensor lies, and when; places are sorted by their offsets."""

    offset: int
    end: int
    first_step: int
    last_step: int


def network_tail_bytes(mode: QuantizationMode) -> int:
    """What is in the tail whatever the network."""
    return _with_margin(_tail_bytes(mode).network)


def operators_tail_bytes(operators: Sequence[Operator], mode: QuantizationMode) -> int:
    """What the operators of a part add to the tail."""
    sizes = _tail_bytes(mode)
    total = 0
    for operator in operators:
        num_channels = _num_channels_with_weights(operator)
        if num_channels is None:
            total += sizes.operator
            continue
        total += sizes.with_weights
        total += _TABLES_OF_CHANNELS * _align(num_channels * _BYTES_PER_CHANNEL)
    return _with_margin(total)


def head_bytes(operators: Sequence[Operator], input_bytes: int, mode: QuantizationMode) -> int:
    """The size of the head.

    Args:
        operators: Of the network, in the order in which they run.
        input_bytes: Memory of the image.
        mode: How the model is quantized.
    """
    return _plan(_tensors(operators, input_bytes, mode))


def least_head_bytes(operators: Sequence[Operator], input_bytes: int, mode: QuantizationMode) -> int:
    """What the head is at least if these operators are a part of the network: what lives at the same time."""
    tensors = _tensors(operators, input_bytes, mode)
    largest = 0
    for step in range(len(operators)):
        living = [tensor.size_bytes for tensor in tensors if tensor.first_step <= step <= tensor.last_step]
        largest = max(largest, sum(living))
    return largest


def _tail_bytes(mode: QuantizationMode) -> _TailBytes:
    return _TAIL_OF_INTEGERS if mode.has_integer_activations else _TAIL_OF_FLOATS


def _with_margin(num_bytes: int) -> int:
    return round(num_bytes * (1 + _MARGIN))


def _num_channels_with_weights(operator: Operator) -> int | None:
    """Channels of an operator that has weights; `None`: it has none."""
    for constant in operator.constants:
        if constant.kind is ConstantKind.KERNEL:
            return constant.num_channels
    return None


def _tensors(operators: Sequence[Operator], input_bytes: int, mode: QuantizationMode) -> list[Tensor]:
    """All that lies in the head, with when it is needed. Unlike LiteRT's, outputs never take the place of inputs."""
    size_bytes = {INPUT: _align(input_bytes)}
    first_step = {INPUT: 0}
    last_step = {INPUT: 0}
    scratch = []
    for step, operator in enumerate(operators):
        size_bytes[operator.output] = _align(operator.num_values * mode.bytes_per_value)
        first_step[operator.output] = step
        last_step[operator.output] = step
        for name in operator.inputs:
            last_step[name] = step
        if operator.op == "mean":
            scratch.append(Tensor(_align(operator.num_values * _BYTES_PER_SUM), step, step))
    outputs = [Tensor(size, first_step[name], last_step[name]) for name, size in size_bytes.items()]
    return outputs + scratch


def _plan(tensors: Sequence[Tensor]) -> int:
    """Bytes of a memory that holds each tensor while it lives: the largest first, each into the first gap."""
    # Python sorts stably: of tensors as large as each other, the interpreter places the last one first.
    last_first = tensors[::-1]
    largest_first = sorted(last_first, key=lambda tensor: -tensor.size_bytes)
    places: list[_Place] = []
    end_of_all = 0
    for tensor in largest_first:
        offset = 0
        for place in places:
            if place.last_step < tensor.first_step or place.first_step > tensor.last_step:
                continue
            if place.offset - offset >= tensor.size_bytes:
                break
            offset = max(offset, place.end)
        end = offset + tensor.size_bytes
        bisect.insort(places, _Place(offset, end, tensor.first_step, tensor.last_step))
        end_of_all = max(end_of_all, end)
    return end_of_all


def _align(num_bytes: int) -> int:
    return -(-num_bytes // _ALIGNMENT) * _ALIGNMENT
