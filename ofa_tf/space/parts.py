"""`Part`: a part of the networks of a space with all its choices.

What a part can be is a grid, `Part.options`: an array of `PlainPart` with an axis for each
gene that decides it. Costs, memory and latencies are tables of the same shape
(`part_tables.py`), so that a population of genes is looked up at once.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.space.blocks.axis import Axis
from ofa_tf.space.blocks.head import Head
from ofa_tf.space.blocks.mbconv import MBConv
from ofa_tf.space.blocks.part_type import PlainPart, StemDesign
from ofa_tf.space.blocks.registry import get_block_type, get_stem_type
from ofa_tf.space.blocks.rounding import multiply_width
from ofa_tf.space.blocks.stage import Stage
from ofa_tf.space.design import NetworkDesign
from ofa_tf.space.genes import GeneLayout


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """A part of the networks of a search space with all its choices.

    Args:
        name: Name, such as `stem` or `stage1_block2`.
        genes: Which genes decide it, as indices of a gene vector.
        options: What it is with the choices made: object array of `PlainPart`,
            one axis for each of `genes`.
        axis_names: What each axis chooses: the field of `Arch` that holds a block's choice, such as
            `"expand_ratios"`, or the width or other property that is elastic, such as `"in_channels"`.
        stage: Index of the stage of a block; `None` for other parts.
        position: Place of a block in its stage, from 0.
    """

    name: str
    genes: tuple[int, ...]
    options: np.ndarray
    axis_names: tuple[str, ...] = ()
    stage: int | None = None
    position: int = 0

    @classmethod
    def from_axes(
        cls,
        name: str,
        make: Callable[..., PlainPart],
        axes: Mapping[str, Axis],
        *,
        stage: int | None = None,
        position: int = 0,
    ) -> "Part":
        """The part that is made from every combination of some properties.

        Args:
            name: Name of the part.
            make: Makes a plain part from the properties, given as keywords.
            axes: What each property can be, by its name.
            stage: See `Part`.
            position: See `Part`.
        """
        options = []
        for values in itertools.product(*(axis.values for axis in axes.values())):
            properties = dict(zip(axes, values, strict=True))
            options.append(make(**properties))

        # The grid has an axis for each property that a gene decides; all others have one value.
        genes = []
        shape = []
        elastic_names = []
        for field, axis in axes.items():
            if axis.gene is not None:
                genes.append(axis.gene)
                shape.append(len(axis.values))
                elastic_names.append(field)
        grid = _object_array(options).reshape(shape)
        return cls(name, tuple(genes), grid, axis_names=tuple(elastic_names), stage=stage, position=position)

    @property
    def largest(self) -> Any:
        """The part with the largest of every choice."""
        last_of_each_axis = (-1,) * self.options.ndim
        return self.options[last_of_each_axis]

    def option(self, genes: np.ndarray) -> Any:
        """The part that a gene vector, `(num_genes,)`, chooses."""
        index = tuple(int(genes[gene]) for gene in self.genes)
        return self.options[index]

    def values(self, field: str) -> np.ndarray:
        """A field of every option, as an array of the shape of `options`."""
        flat = [getattr(option, field) for option in self.options.flat]
        return np.array(flat).reshape(self.options.shape)

    def values_along(self, axis_name: str, field: str) -> np.ndarray:
        """A field of the options along one axis, with the largest of every other choice.

        Args:
            axis_name: One of `axis_names`.
            field: Name of the field.

        Returns:
            Array with an entry for each choice of the axis.

        Raises:
            InputError: If the part has no such axis.
        """
        if axis_name not in self.axis_names:
            raise InputError(
                f"Expected `axis_name` to be one of {list(self.axis_names)}, the choices of {self.name}. "
                f"Received: axis_name={axis_name!r}. Name it in the `choice_fields` of the block type."
            )
        values = self.values(field)
        axis = self.axis_names.index(axis_name)
        num_choices = values.shape[axis]
        other_axes_flat = np.moveaxis(values, axis, -1).reshape(-1, num_choices)
        return other_axes_flat[-1]


def make_parts(design: NetworkDesign, layout: GeneLayout) -> tuple[Part, ...]:
    """Stem, fixed first block (if any), elastic blocks at full depth, and head, in the order of the data flow.

    Args:
        design: What the networks are made of.
        layout: Which gene decides what.
    """
    stem, widths = _make_stem(design, layout)
    parts = [stem]
    if design.first_width:
        parts.append(_make_first_block(design))
        widths = Axis.fixed(design.first_width)
    num_blocks = 0
    for stage_index, stage in enumerate(design.stages):
        out_widths = _stage_widths(design, layout, stage_index)
        for position in range(layout.depth_choices(stage_index)[-1]):
            choices = _block_choices(stage, layout, num_blocks + position)
            block = _make_block(stage, stage_index, position, in_widths=widths, out_widths=out_widths, choices=choices)
            parts.append(block)
            widths = out_widths
        # Blocks that a space of one subnet skips have genes, too.
        num_blocks += stage.depths[-1]
    parts.append(_make_head(design, widths))
    return tuple(parts)


def _make_stem(design: NetworkDesign, layout: GeneLayout) -> tuple[Part, Axis]:
    """The stem and its output widths."""
    stem_type = get_stem_type(design.stem_type)
    axes = stem_type.axes(
        StemDesign(
            width=design.stem_width,
            stride=design.stem_stride,
            activation=design.activation,
            middle_width_multipliers=layout.axis(layout.stem_middle_width_gene),
            width_multipliers=layout.axis(layout.stem_width_gene),
            depths=layout.axis(layout.stem_depth_gene),
        )
    )
    return Part.from_axes("stem", stem_type, axes), axes["out_channels"]


def _make_first_block(design: NetworkDesign) -> Part:
    """The fixed first block, which has no expansion."""
    block = MBConv(
        in_channels=design.stem_width,
        middle_channels=design.stem_width,
        out_channels=design.first_width,
        kernel_size=3,
        stride=1,
        activation=design.stages[0].activation,
        squeeze_channels=0,
        has_residual=design.stem_width == design.first_width,
        has_expand=False,
    )
    return Part("first_block", (), _object_array([block]).reshape(()))


def _stage_widths(design: NetworkDesign, layout: GeneLayout, stage_index: int) -> Axis:
    """The output widths of a stage."""
    width = design.stages[stage_index].width
    if not design.width_multipliers:
        return Axis.fixed(width)
    multipliers = layout.axis(layout.stage_width_gene(stage_index))
    return Axis(multiply_width(width, multipliers.values), multipliers.gene)


def _block_choices(stage: Stage, layout: GeneLayout, block_index: int) -> dict[str, Axis]:
    """The elastic choices of a block, by the field of `Stage` that holds them."""
    fields = get_block_type(stage.block_type).choice_fields
    return {field: layout.axis(layout.block_gene(field, block_index)) for field in fields}


def _make_block(
    stage: Stage, stage_index: int, position: int, *, in_widths: Axis, out_widths: Axis, choices: Mapping[str, Axis]
) -> Part:
    block_type = get_block_type(stage.block_type)

    def make_first(in_channels: int, out_channels: int, **chosen: float) -> PlainPart:
        return block_type.from_choices(stage, position, in_channels, out_channels, chosen)

    def make_other(channels: int, **chosen: float) -> PlainPart:
        return block_type.from_choices(stage, position, channels, channels, chosen)

    name = f"stage{stage_index + 1}_block{position + 1}"
    if position == 0:
        axes = {"in_channels": in_widths, "out_channels": out_widths, **choices}
        return Part.from_axes(name, make_first, axes, stage=stage_index, position=position)
    axes = {"channels": out_widths, **choices}
    return Part.from_axes(name, make_other, axes, stage=stage_index, position=position)


def _make_head(design: NetworkDesign, in_widths: Axis) -> Part:
    axes = {
        "in_channels": in_widths,
        "feature_width": Axis.fixed(design.feature_width),
        "head_width": Axis.fixed(design.head_width),
        "activation": Axis.fixed(design.activation),
    }
    return Part.from_axes("head", Head, axes)


def _object_array(options: Iterable[PlainPart]) -> np.ndarray:
    """A one-dimensional array that holds the options themselves."""
    options = list(options)
    array = np.empty(len(options), object)
    array[:] = options
    return array
