"""MACs, parameters and memory of subnets, from formulas; one arch or a million.

Each function takes an `Arch` and returns an int, or takes a sequence of archs or
an array of genes, `(n, num_genes)`, and returns an int64 array `(n,)`. NumPy only.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ofa_tf.arch import Arch
from ofa_tf.blocks import out_size
from ofa_tf.search_space import SearchSpace

Archs = Arch | Sequence[Arch] | np.ndarray


@dataclasses.dataclass(frozen=True)
class _Block:
    """One block of a whole population: arrays of shape (n,), skipped blocks included."""

    active: np.ndarray
    in_channels: int
    middle: np.ndarray
    out_channels: int
    kernel: np.ndarray
    squeeze: np.ndarray
    has_expand: bool
    has_residual: bool
    in_pixels: np.ndarray
    out_pixels: np.ndarray


def num_macs(space: SearchSpace, archs: Archs, num_classes: int) -> Any:
    """Multiply-accumulates of one image: convolutions and linear layers.

    Args:
        space: Search space of the archs.
        archs: `Arch`, sequence of them, or genes `(n, num_genes)`.
        num_classes: Number of classes.
    """

    def count(genes: np.ndarray) -> np.ndarray:
        total, blocks, pixels = _walk(space, genes)
        total = total * 27 * space.stem_width  # 3x3 kernel, 3 channels
        for block in blocks:
            expand = block.in_pixels * block.in_channels * block.middle if block.has_expand else 0
            depthwise = block.out_pixels * block.kernel**2 * block.middle
            project = block.out_pixels * block.middle * block.out_channels
            total = total + block.active * (expand + depthwise + project + 2 * block.middle * block.squeeze)
        features = pixels * space.stages[-1].width * space.feature_width
        return total + features + space.feature_width * space.head_width + space.head_width * num_classes

    return _for_each(space, archs, count)


def num_params(space: SearchSpace, archs: Archs, num_classes: int) -> Any:
    """Trainable parameters: weights, biases and BN scales and offsets (no BN statistics).

    Args as for `num_macs`.
    """

    def count(genes: np.ndarray) -> np.ndarray:
        _, blocks, _ = _walk(space, genes)
        total = np.full(len(genes), 27 * space.stem_width + 2 * space.stem_width, np.int64)
        for block in blocks:
            expand = block.in_channels * block.middle + 2 * block.middle if block.has_expand else 0
            depthwise = block.kernel**2 * block.middle + 2 * block.middle
            squeeze_excite = 2 * block.middle * block.squeeze + block.squeeze + block.middle * (block.squeeze > 0)
            project = block.middle * block.out_channels + 2 * block.out_channels
            total = total + block.active * (expand + depthwise + squeeze_excite + project)
        total = total + space.stages[-1].width * space.feature_width + 2 * space.feature_width
        return total + space.feature_width * space.head_width + (space.head_width + 1) * num_classes

    return _for_each(space, archs, count)


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

    def count(genes: np.ndarray) -> np.ndarray:
        stem_pixels, blocks, pixels = _walk(space, genes)
        size = _image_sizes(space, genes)
        peak = size**2 * 3 + stem_pixels * space.stem_width
        for block in blocks:
            inputs = block.in_pixels * block.in_channels
            wide, deep = block.in_pixels * block.middle, block.out_pixels * block.middle
            outputs = block.out_pixels * block.out_channels
            kept = inputs if block.has_residual else 0
            moments = [kept + wide + deep, kept + deep + outputs]
            if block.has_expand:
                moments.append(inputs + wide)
            peak = np.maximum(peak, block.active * np.max(moments, axis=0))
        return np.maximum(peak, pixels * (space.stages[-1].width + space.feature_width)) * bytes_per_value

    return _for_each(space, archs, count)


def _for_each(space: SearchSpace, archs: Archs, count: Callable[[np.ndarray], np.ndarray]) -> Any:
    genes = archs if isinstance(archs, np.ndarray) else space.encode(archs)
    if genes.ndim == 1:
        return int(count(genes[None])[0])
    return count(genes)


def _image_sizes(space: SearchSpace, genes: np.ndarray) -> np.ndarray:
    return np.array(space.image_sizes, np.int64)[genes[:, space.image_size_gene]]


def _walk(space: SearchSpace, genes: np.ndarray) -> tuple[np.ndarray, list[_Block], np.ndarray]:
    """Pixels after the stem, all blocks, and pixels after the last block."""
    size = out_size(_image_sizes(space, genes), space.stem_stride)
    stem_pixels = size**2
    count = len(genes)
    first = space.first_block
    blocks = [
        _Block(
            active=np.ones(count, np.int64),
            in_channels=first.in_channels,
            middle=np.full(count, first.middle_channels, np.int64),
            out_channels=first.out_channels,
            kernel=np.full(count, first.kernel_size, np.int64),
            squeeze=np.zeros(count, np.int64),
            has_expand=first.has_expand,
            has_residual=first.has_residual,
            in_pixels=stem_pixels,
            out_pixels=stem_pixels,
        )
    ]
    active = space.active_blocks(genes).astype(np.int64)
    kernels, expands = genes[:, space.kernel_genes], genes[:, space.expand_genes]
    for index, block in enumerate(space.blocks):
        in_pixels = size**2
        size = out_size(size, block.stride)
        blocks.append(
            _Block(
                active=active[:, index],
                in_channels=block.in_channels,
                middle=np.array(block.middle_channels, np.int64)[expands[:, index]],
                out_channels=block.out_channels,
                kernel=np.array(block.kernel_sizes, np.int64)[kernels[:, index]],
                squeeze=np.array(block.squeeze_channels or (0,) * len(block.middle_channels), np.int64)[
                    expands[:, index]
                ],
                has_expand=True,
                has_residual=block.has_residual,
                in_pixels=in_pixels,
                out_pixels=size**2,
            )
        )
    return stem_pixels, blocks, size**2
