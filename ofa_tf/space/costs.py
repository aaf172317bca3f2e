"""MACs, parameters and memory of subnets, from formulas; one arch or a million.

Each function takes an `Arch` and returns an int, or takes a sequence of archs or
an array of genes, `(n, num_genes)`, and returns an int64 array `(n,)`. NumPy only.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ofa_tf.space.arch import Arch
from ofa_tf.space.part_types import Bottleneck, DeepStem, MBConv, PlainPart, Stem, out_size
from ofa_tf.space.search_space import SearchSpace

Archs = Arch | Sequence[Arch] | np.ndarray


def num_macs(space: SearchSpace, archs: Archs, num_classes: int) -> Any:
    """Multiply-accumulates of one image: convolutions and linear layers.

    Args:
        space: Search space of the archs.
        archs: `Arch`, sequence of them, or genes `(n, num_genes)`.
        num_classes: Number of classes.
    """
    return _for_each(space, archs, _macs, num_classes, np.add)


def num_params(space: SearchSpace, archs: Archs, num_classes: int) -> Any:
    """Trainable parameters: weights, biases and BN scales and offsets (no BN statistics).

    Args as for `num_macs`.
    """
    return _for_each(space, archs, _params, num_classes, np.add)


def count_parts(parts: Iterable[PlainPart], image_size: int, num_classes: int) -> dict[str, int]:
    """`num_macs` and `num_params` of a network from its parts, for any image size."""
    totals, size = {"num_macs": 0, "num_params": 0}, image_size
    for part in parts:
        totals["num_macs"] += _macs(part, size, num_classes)
        totals["num_params"] += _params(part, size, num_classes)
        size = out_size(size, *part.strides)
    return totals


def estimate_size_bytes(space: SearchSpace, archs: Archs, num_classes: int, bytes_per_weight: float = 4) -> Any:
    """Estimated size of the model file: the weights; the graph adds some 20-60 kB.

    Args:
        space: Search space of the archs.
        archs: `Arch`, sequence of them, or genes `(n, num_genes)`.
        num_classes: Number of classes.
        bytes_per_weight: 4 for float32, 2 for float16, 1 for int8.
    """
    parameters = num_params(space, archs, num_classes)
    if isinstance(parameters, int):
        return int(parameters * bytes_per_weight)
    return (parameters * bytes_per_weight).astype(np.int64)


def estimate_peak_ram_bytes(space: SearchSpace, archs: Archs, bytes_per_value: int = 4) -> Any:
    """Estimated peak memory of the activations of one image.

    The largest sum of one operator's input and output and, within a residual
    block, the block's input; what a runtime that reuses buffers needs at least.

    Args:
        space: Search space of the archs.
        archs: `Arch`, sequence of them, or genes `(n, num_genes)`.
        bytes_per_value: 4 for float32, 1 for int8.
    """
    return _for_each(space, archs, _peak_values, 1, np.maximum) * bytes_per_value


_Formula = Callable[[PlainPart, int, int], int]  # of a part, the height and width of its input, the number of classes


def _for_each(space: SearchSpace, archs: Archs, formula: _Formula, num_classes: int, join: np.ufunc) -> Any:
    genes = archs if isinstance(archs, np.ndarray) else space.encode(archs)
    rows = np.atleast_2d(genes)
    active = space.active_parts(rows)
    image = rows[:, space.image_size_gene]
    total = np.zeros(len(rows), np.int64)
    for number, (part, table) in enumerate(zip(space.parts, _tables(space, formula, num_classes), strict=True)):
        index = (image, *(rows[:, gene] for gene in part.genes))
        total = join(total, table[index] * active[:, number])
    return int(total[0]) if genes.ndim == 1 else total


@functools.lru_cache(maxsize=32)
def _tables(space: SearchSpace, formula: _Formula, num_classes: int) -> list[np.ndarray]:
    """For each part, the formula's value for each image size and option."""
    tables = [np.zeros((len(space.image_sizes), *part.options.shape), np.int64) for part in space.parts]
    for row, image_size in enumerate(space.image_sizes):
        sizes = space.input_sizes(image_size)
        for part, table in zip(space.parts, tables, strict=True):
            for index in np.ndindex(part.options.shape):
                place = (row, *index)
                table[place] = formula(part.options[index], sizes[part.name], num_classes)
    return tables


def _macs(part: PlainPart, size: int, num_classes: int) -> int:
    return sum(pixels * weights for pixels, weights, _ in _convolutions(part, size, num_classes))


def _params(part: PlainPart, size: int, num_classes: int) -> int:
    return sum(weights + others for _, weights, others in _convolutions(part, size, num_classes))


def _convolutions(part: PlainPart, size: int, num_classes: int) -> Iterator[tuple[int, int, int]]:
    """For each convolution or linear layer: output pixels, weights, parameters of its bias or batch normalization."""
    pixels, out_pixels = size**2, out_size(size, *part.strides) ** 2
    inputs, outputs = part.in_channels, getattr(part, "out_channels", 0)
    if isinstance(part, Stem):
        yield out_pixels, 9 * inputs * outputs, 2 * outputs
    elif isinstance(part, DeepStem):
        middle, half = part.middle_channels, out_size(size, 2) ** 2
        yield half, 9 * inputs * middle, 2 * middle
        if part.depth:
            yield half, 9 * middle * middle, 2 * middle
        yield half, 9 * middle * outputs, 2 * outputs
    elif isinstance(part, MBConv):
        middle, squeezed = part.middle_channels, part.squeeze_channels
        if part.has_expand:
            yield pixels, inputs * middle, 2 * middle
        yield out_pixels, part.kernel_size**2 * middle, 2 * middle
        if squeezed:
            yield 1, middle * squeezed, squeezed
            yield 1, squeezed * middle, middle
        yield out_pixels, middle * outputs, 2 * outputs
    elif isinstance(part, Bottleneck):
        middle = part.middle_channels
        yield pixels, inputs * middle, 2 * middle
        yield out_pixels, 9 * middle * middle, 2 * middle
        yield out_pixels, middle * outputs, 2 * outputs
        if part.has_downsample:
            yield out_pixels, inputs * outputs, 2 * outputs
    else:
        width = part.in_channels
        if part.feature_width:
            yield pixels, width * part.feature_width, 2 * part.feature_width
            width = part.feature_width
        if part.head_width:
            yield 1, width * part.head_width, 0
            width = part.head_width
        yield 1, width * num_classes, num_classes


def _peak_values(part: PlainPart, size: int, num_classes: int) -> int:
    """The most activations that are alive at once in a part."""
    del num_classes
    pixels, out_pixels = size**2, out_size(size, *part.strides) ** 2
    inputs, outputs = pixels * part.in_channels, out_pixels * getattr(part, "out_channels", 0)
    if isinstance(part, Stem):
        return inputs + outputs
    if isinstance(part, DeepStem):
        half = out_size(size, 2) ** 2
        middle, wide = half * part.middle_channels, half * part.out_channels
        return max(inputs + middle, middle * (3 if part.depth else 0), middle + wide, wide + outputs)
    if isinstance(part, MBConv):
        wide, deep = pixels * part.middle_channels, out_pixels * part.middle_channels
        kept = inputs if part.has_residual else 0
        return max(kept + wide + deep, kept + deep + outputs, inputs + wide if part.has_expand else 0)
    if isinstance(part, Bottleneck):
        wide, deep = pixels * part.middle_channels, out_pixels * part.middle_channels
        return inputs + max(wide + deep, deep + outputs, 2 * outputs if part.has_downsample else 0)
    return inputs + pixels * part.feature_width
