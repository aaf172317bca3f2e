"""From the numbers that define a search space to the parts of its networks."""

from typing import TYPE_CHECKING

import numpy as np

from ofa_tf.space.part_types import (
    BOTTLENECK,
    Bottleneck,
    DeepStem,
    Head,
    MBConv,
    Part,
    PlainPart,
    Stage,
    Stem,
    make_divisible,
)

if TYPE_CHECKING:
    from ofa_tf.space.search_space import SearchSpace


def make_parts(space: "SearchSpace") -> tuple[Part, ...]:
    """Stem, fixed first block (if any), elastic blocks at full depth, and head, in the order of the data flow."""
    stem, in_options, in_genes = _stem(space)
    parts = [stem]
    if space.first_width:
        first = _first_block(space)
        parts.append(first)
        in_options = np.array([first.largest.out_channels])
    for stage_index, stage in enumerate(space.stages):
        width_genes = (space.width_genes.start + 2 + stage_index,) if space.width_multipliers else ()
        widths = _multiplied(space, stage.width)
        for position in range(stage.depths[-1]):
            name = f"stage{stage_index + 1}_block{position + 1}"
            index = sum(part.stage is not None for part in parts)
            expand_gene = space.expand_genes.start + index
            if stage.block_type == BOTTLENECK:
                is_first = position == 0
                options = _bottlenecks(stage, in_options, widths, is_first)
                genes = (*in_genes, *width_genes, expand_gene) if is_first else (*width_genes, expand_gene)
            else:
                options = _mbconvs(stage, int(in_options[0]), int(widths[0]), stage.stride if position == 0 else 1)
                genes = (space.kernel_genes.start + index, expand_gene)
            parts.append(Part(name, genes, options, stage_index, position))
            in_options, in_genes = widths, width_genes
    heads: list[PlainPart] = [
        Head(int(width), space.feature_width, space.head_width, space.activation) for width in in_options
    ]
    parts.append(Part("head", in_genes, _array(heads, (len(heads),) if in_genes else ())))
    return tuple(parts)


def _stem(space: "SearchSpace") -> tuple[Part, np.ndarray, tuple[int, ...]]:
    """The stem, its output widths and the gene that chooses among these."""
    if not space.has_deep_stem:
        stem = Stem(space.stem_width, space.stem_stride, space.activation)
        return Part("stem", (), _array([stem], ())), np.array([stem.out_channels]), ()
    outputs = _multiplied(space, space.stem_width)
    middles = [make_divisible(width // 2) for width in outputs]
    options: list[PlainPart] = [
        DeepStem(int(middle), int(output), depth) for middle in middles for output in outputs for depth in (0, 1)
    ]
    start = space.width_genes.start
    genes = (start, start + 1, space.stem_depth_gene)
    return Part("stem", genes, _array(options, (len(middles), len(outputs), 2))), outputs, (start + 1,)


def _first_block(space: "SearchSpace") -> Part:
    block = MBConv(
        in_channels=space.stem_width,
        middle_channels=space.stem_width,
        out_channels=space.first_width,
        kernel_size=3,
        stride=1,
        activation=space.stages[0].activation,
        squeeze_channels=0,
        has_residual=space.stem_width == space.first_width,
        has_expand=False,
    )
    return Part("first_block", (), _array([block], ()))


def _mbconvs(stage: Stage, in_channels: int, out_channels: int, stride: int) -> np.ndarray:
    options: list[PlainPart] = []
    for kernel_size in stage.kernel_sizes:
        for ratio in stage.expand_ratios:
            middle = make_divisible(round(in_channels * ratio))
            options.append(
                MBConv(
                    in_channels=in_channels,
                    middle_channels=middle,
                    out_channels=out_channels,
                    kernel_size=kernel_size,
                    stride=stride,
                    activation=stage.activation,
                    squeeze_channels=make_divisible(middle // 4) if stage.use_squeeze_excite else 0,
                    has_residual=stride == 1 and in_channels == out_channels,
                )
            )
    return _array(options, (len(stage.kernel_sizes), len(stage.expand_ratios)))


def _bottlenecks(stage: Stage, in_options: np.ndarray, out_options: np.ndarray, is_first: bool) -> np.ndarray:
    """Axes: input width (first block of a stage only), output width, expand ratio."""

    def block(in_channels: int, out_channels: int, ratio: float) -> Bottleneck:
        middle = make_divisible(round(out_channels * ratio))
        return Bottleneck(int(in_channels), middle, int(out_channels), stage.stride if is_first else 1, is_first)

    if is_first:
        options: list[PlainPart] = [
            block(width, out, ratio) for width in in_options for out in out_options for ratio in stage.expand_ratios
        ]
        return _array(options, (len(in_options), len(out_options), len(stage.expand_ratios)))
    options = [block(width, width, ratio) for width in out_options for ratio in stage.expand_ratios]
    return _array(options, (len(out_options), len(stage.expand_ratios)))


def _multiplied(space: "SearchSpace", width: int) -> np.ndarray:
    multipliers = space.width_multipliers or (1.0,)
    return np.array([make_divisible(width * multiplier) for multiplier in multipliers])


def _array(options: list[PlainPart], shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(len(options), object)
    array[:] = options
    return array.reshape(shape)
