"""Arithmetic of channels and sizes that all block types share."""

from collections.abc import Sequence
from typing import Any


def make_divisible(value: float, divisor: int = 8) -> int:
    """Round a channel count to a multiple of `divisor`, never below 90% of it.

    Reference: MobileNetV2, Sandler et al., CVPR 2018 (released code).
    """
    nearest = int(value + divisor / 2) // divisor * divisor
    rounded = max(divisor, nearest)
    if rounded < 0.9 * value:
        return rounded + divisor
    return rounded


def multiply_width(width: int, multipliers: Sequence[float]) -> tuple[int, ...]:
    """The channel counts that some width multipliers make of one."""
    return tuple(make_divisible(width * multiplier) for multiplier in multipliers)


def out_size(size: Any, *strides: int) -> Any:
    """Height or width after convolutions or poolings of these strides, padded symmetrically for any odd kernel size."""
    for stride in strides:
        size = (size - 1) // stride + 1
    return size
