"""The arena: how LiteRT lays out the activations of a network in one piece of memory.

The interpreter knows when each tensor is first and last used. It places the largest
tensors first, each into the smallest gap that is free for as long as the tensor lives.
The planner here does the same, so that what it says is what will be allocated.
"""

import bisect
from collections.abc import Sequence
from typing import Any, NamedTuple

_ALIGNMENT = 64  # bytes; LiteRT lets every tensor begin at a multiple


class Tensor(NamedTuple):
    """Memory that is needed for some steps.

    Args:
        size_bytes: How much.
        first_step: The step that makes it; an operator is a step.
        last_step: The last step that takes it.
    """

    size_bytes: int
    first_step: int
    last_step: int


class _Place(NamedTuple):
    """Where a tensor lies, and when; places are sorted by their offsets."""

    offset: int
    end: int
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
    places: list[_Place] = []
    arena_bytes = 0
    for tensor in largest_first:
        offset = _find_gap(tensor, places)
        end = offset + tensor.size_bytes
        bisect.insort(places, _Place(offset, end, tensor.first_step, tensor.last_step))
        arena_bytes = max(arena_bytes, end)
    return arena_bytes


def _find_gap(tensor: Tensor, places: Sequence[_Place]) -> int:
    """Where a tensor goes: into the smallest gap between those that live when it does, else behind them."""
    size_bytes, first_step, last_step = tensor
    best_offset: int | None = None
    smallest_gap = 0
    end_of_used = 0
    for offset, end, other_first_step, other_last_step in places:
        if other_last_step < first_step or other_first_step > last_step:
            continue
        gap = offset - end_of_used
        if gap >= size_bytes:
            aligned = align(end_of_used)
            fits = aligned + size_bytes <= offset
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
