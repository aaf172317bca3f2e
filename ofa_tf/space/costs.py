"""MACs and parameters of subnets, from formulas; one arch or a million.

Each function takes an `Arch` and returns an int, or takes a sequence of archs or
an array of genes, `(n, num_genes)`, and returns an int64 array `(n,)`. NumPy only.
What a part is made of is said by its type, in `blocks/`. File size and memory depend on the
precision, see `ofa_tf/tflite/footprint/`.
"""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks.layers import layer_sizes
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
        total_params += part_params(part, num_classes)
        size = out_size(size, *part.strides)
    return {"num_macs": total_macs, "num_params": total_params}


def part_macs(part: PlainPart, input_size: int, num_classes: int) -> int:
    """Multiply-accumulates of a part for an input of this height and width."""
    layers = part.layers(num_classes)
    sizes = layer_sizes(layers, input_size)
    return sum(sizes[layer.name] ** 2 * layer.num_weights for layer in layers)


def part_params(part: PlainPart, num_classes: int) -> int:
    """Trainable parameters of a part."""
    layers = part.layers(num_classes)
    return sum(layer.num_weights + layer.num_other_params for layer in layers)


@functools.lru_cache(maxsize=16)
def _macs_tables(space: SearchSpace, num_classes: int) -> PartTables:
    return PartTables(space, lambda part, input_size: part_macs(part, input_size, num_classes))


@functools.lru_cache(maxsize=16)
def _params_tables(space: SearchSpace, num_classes: int) -> PartTables:
    return PartTables(space, lambda part, _: part_params(part, num_classes))


def _combine(space: SearchSpace, archs: Archs, tables: PartTables, join: np.ufunc) -> Any:
    """The number of one arch as an int, those of several as an array."""
    genes = space.as_genes(archs)
    totals = tables.combine(np.atleast_2d(genes), join)
    if genes.ndim == 1:
        return int(totals[0])
    return totals
