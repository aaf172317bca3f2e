"""The arena: how LiteRT lays out the activations of a network in one piece of memory.

The interpreter knows when each tensor is first and last used. It places the largest
tensors first, each into the smallest gap that is free for as long as the tensor lives.
The planner here does the same, so that what it says is what will be allocated.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

_ALIGNMENT = 64  # bytes; LiteRT lets every tensor begin at a multiple


@dataclasses.dataclass(frozen=True)
class Tensor:
    """Memory that is needed for some steps.

    Args:
        size_bytes: How much.
        first_step: The step that makes it; an operator is a step.
        last_step: The last step that takes it.
    """

    size_bytes: int
    first_step: int
    last_step: int


def plan_arena(tensors: Sequence[Tensor]) -> int:
    """How many bytes an arena needs that holds each tensor while it lives.

    Args:
        tensors: In the order in which they are made.

    Returns:
        The end of the last tensor.
    """
    # Python sorts stably: of tensors as large as each other, the first that is made is placed first.
    largest_first = sorted(tensors, key=lambda tensor: -tensor.size_bytes)
    placed: list[tuple[int, int, Tensor]] = []
    arena_bytes = 0
    for tensor in largest_first:
        offset = _find_gap(tensor, placed)
        end = offset + tensor.size_bytes
        placed.append((offset, end, tensor))
        placed.sort(key=lambda entry: entry[0])
        arena_bytes = max(arena_bytes, end)
    return arena_bytes


def _find_gap(tensor: Tensor, placed: Sequence[tuple[int, int, Tensor]]) -> int:
    """Where a tensor goes: into the smallest gap between those that live when it does, else behind them.

    Args:
        tensor: What is to be placed.
        placed: Offset, end and tensor of what is there already, by ascending offset.
    """
    best_offset: int | None = None
    smallest_gap = 0
    end_of_used = 0
    for offset, end, other in placed:
        if other.last_step < tensor.first_step or other.first_step > tensor.last_step:
            continue
        aligned = align(end_of_used)
        gap = offset - end_of_used
        fits = aligned + tensor.size_bytes <= offset
        if fits and (best_offset is None or gap < smallest_gap):
            best_offset = aligned
            smallest_gap = gap
        end_of_used = max(end_of_used, end)
    if best_offset is None:
        return align(end_of_used)
    return best_offset


def align(offset: Any) -> Any:
    """The first multiple of the alignment that is not before an offset; of an array, each."""
    return -(-offset // _ALIGNMENT) * _ALIGNMENT
