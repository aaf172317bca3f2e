"""MACs, parameters and memory of subnets, from formulas; one arch or a million.

Each function takes an `Arch` and returns an int, or takes a sequence of archs or
an array of genes, `(n, num_genes)`, and returns an int64 array `(n,)`. NumPy only.
What a part costs is said by its type, in `blocks/`.
"""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks.part_type import PlainPart
from ofa_tf.space.blocks.rounding import out_size
from ofa_tf.space.part_tables import PartTables
from ofa_tf.space.search_space import SearchSpace

Archs = Arch | Sequence[Arch] | np.ndarray


def num_macs(space: SearchSpace, archs: Archs, num_classes: int) -> Any:
    """Multiply-accumulates of one image: convolutions and linear layers.

    Args:
        space: Search space of the archs.
        archs: `Arch`, sequence of them, or genes `(n, num_genes)`.
        num_classes: Number of classes.

    Returns:
        int for one arch, int64 array `(n,)` for several.

    Raises:
        InputError: If an arch is not of the space, or genes are out of range.
    """
    return _combine(space, archs, _macs_tables(space, num_classes), np.add)


def num_params(space: SearchSpace, archs: Archs, num_classes: int) -> Any:
    """Trainable parameters: weights, biases and BN scales and offsets (no BN statistics).

    Args:
        space: Search space of the archs.
        archs: `Arch`, sequence of them, or genes `(n, num_genes)`.
        num_classes: Number of classes.

    Returns:
        int for one arch, int64 array `(n,)` for several.

    Raises:
        InputError: If an arch is not of the space, or genes are out of range.
    """
    return _combine(space, archs, _params_tables(space, num_classes), np.add)


def count_parts(parts: Iterable[PlainPart], image_size: int, num_classes: int) -> dict[str, int]:
    """`num_macs` and `num_params` of a network from its parts, for any image size.

    Args:
        parts: The parts with their choices made, from the stem to the head.
        image_size: Input height and width, pixels.
        num_classes: Number of classes.

    Returns:
        By the two names, the numbers.
    """
    total_macs = total_params = 0
    size = image_size
    for part in parts:
        total_macs += part_macs(part, size, num_classes)
        total_params += part_params(part, size, num_classes)
        size = out_size(size, *part.strides)
    return {"num_macs": total_macs, "num_params": total_params}


def estimate_size_bytes(space: SearchSpace, archs: Archs, num_classes: int, bytes_per_weight: float = 4) -> Any:
    """Estimated size of the model file: the weights; the graph adds some 20-60 kB.

    Args:
        space: Search space of the archs.
        archs: `Arch`, sequence of them, or genes `(n, num_genes)`.
        num_classes: Number of classes.
        bytes_per_weight: 4 for float32, 2 for float16, 1 for int8.

    Returns:
        int for one arch, int64 array `(n,)` for several.

    Raises:
        InputError: If an arch is not of the space, or genes are out of range.
    """
    size_bytes = num_params(space, archs, num_classes) * bytes_per_weight
    if isinstance(size_bytes, np.ndarray):
        return size_bytes.astype(np.int64)
    return int(size_bytes)


def estimate_peak_ram_bytes(space: SearchSpace, archs: Archs, bytes_per_value: int = 4) -> Any:
    """Estimated peak memory of the activations of one image.

    The largest sum of one operator's input and output and, within a residual
    block, the block's input; what a runtime that reuses buffers needs at least.

    Args:
        space: Search space of the archs.
        archs: `Arch`, sequence of them, or genes `(n, num_genes)`.
        bytes_per_value: 4 for float32, 1 for int8.

    Returns:
        int for one arch, int64 array `(n,)` for several.

    Raises:
        InputError: If an arch is not of the space, or genes are out of range.
    """
    return _combine(space, archs, _memory_tables(space), np.maximum) * bytes_per_value


def part_macs(part: PlainPart, input_size: int, num_classes: int) -> int:
    """Multiply-accumulates of a part for an input of this height and width."""
    operators = part.linear_operators(input_size, num_classes)
    return sum(operator.out_pixels * operator.num_weights for operator in operators)


def part_params(part: PlainPart, input_size: int, num_classes: int) -> int:
    """Trainable parameters of a part; the input size does not matter."""
    operators = part.linear_operators(input_size, num_classes)
    return sum(operator.num_weights + operator.num_other_params for operator in operators)


@functools.lru_cache(maxsize=16)
def _macs_tables(space: SearchSpace, num_classes: int) -> PartTables:
    return PartTables(space, lambda part, input_size: part_macs(part, input_size, num_classes))


@functools.lru_cache(maxsize=16)
def _params_tables(space: SearchSpace, num_classes: int) -> PartTables:
    return PartTables(space, lambda part, input_size: part_params(part, input_size, num_classes))


@functools.lru_cache(maxsize=16)
def _memory_tables(space: SearchSpace) -> PartTables:
    return PartTables(space, lambda part, input_size: part.peak_activations(input_size))


def _combine(space: SearchSpace, archs: Archs, tables: PartTables, join: np.ufunc) -> Any:
    """The number of one arch as an int, those of several as an array."""
    genes = space.as_genes(archs)
    totals = tables.combine(np.atleast_2d(genes), join)
    if genes.ndim == 1:
        return int(totals[0])
    return totals
