"""`GeneLayout`: how the choices of an arch lie in a vector of integers.

A subnet has two forms. `Arch` is the readable one that files and tools hand on. Its
*genes* are the fast one: an int32 vector of choice indices (0 is the smallest choice), of
which a population is an array, one row an arch:

    [image size, depth of each stage, kernel size of each block, expand ratio of each block,
     width multipliers, stem depth]

of which a space has those that are elastic in it. A block type with further choices adds
a group of its own behind the expand ratios. Search, cost formulas and the supernet's
graph work on genes.
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks.axis import Axis
from ofa_tf.space.design import NetworkDesign

Choices = Sequence[float]  # ascending


# The stem's middle and its output are multiplied, too, before the stages.
_NUM_WIDTHS_BEFORE_STAGES = 2


class GeneLayout:
    """Which gene of a search space decides what.

    Args:
        groups: For each field of `Arch` that is elastic in the space, in the order of the
            genes, the choices of each of its entries.

    Attributes:
        choices: The ascending choices of each gene.
        counts: Number of choices of each gene, int32, shape `(num_genes,)`.
    """

    def __init__(self, groups: Mapping[str, Sequence[Choices]]) -> None:
        self._slices: dict[str, slice] = {}
        choices: list[tuple[float, ...]] = []
        for field, of_entries in groups.items():
            start = len(choices)
            choices += [tuple(of_entry) for of_entry in of_entries]
            self._slices[field] = slice(start, len(choices))
        self.choices = tuple(choices)
        self.counts = np.array([len(of_gene) for of_gene in choices], np.int32)

    @property
    def num_genes(self) -> int:
        """Length of a gene vector."""
        return len(self.choices)

    @functools.cached_property
    def fields(self) -> tuple[str, ...]:
        """The fields of `Arch` that the genes stand for, in their order."""
        return tuple(self._slices)

    def of_field(self, field: str) -> slice:
        """Where the entries of a field of `Arch` lie in a gene vector; an empty slice if it is not elastic."""
        return self._slices.get(field, slice(self.num_genes, self.num_genes))

    def axis(self, gene: int | None) -> Axis:
        """What a gene chooses from; the number 1 where there is no such gene."""
        if gene is None:
            return Axis.fixed(1)
        return Axis(self.choices[gene], gene)

    def depth_choices(self, stage_index: int) -> tuple[int, ...]:
        """The numbers of blocks that a stage, counted from 0, can have."""
        choices = self.choices[self.of_field("depths")][stage_index]
        return tuple(int(depth) for depth in choices)

    def block_gene(self, field: str, block_index: int) -> int:
        """The gene that decides a choice of an elastic block.

        Args:
            field: The field of `Arch` that holds the choice, elastic in the space.
            block_index: Number of the block, from 0, counted over all stages at full depth.
        """
        return self.of_field(field).start + block_index

    @property
    def stem_middle_width_gene(self) -> int | None:
        """The gene that multiplies the width of the stem's middle; `None` where widths are fixed."""
        return self._entry_gene("width_multipliers", 0)

    @property
    def stem_width_gene(self) -> int | None:
        """The gene that multiplies the stem's output width; `None` where widths are fixed."""
        return self._entry_gene("width_multipliers", 1)

    def stage_width_gene(self, stage_index: int) -> int | None:
        """The gene that multiplies the output width of a stage, counted from 0; `None` where widths are fixed."""
        return self._entry_gene("width_multipliers", _NUM_WIDTHS_BEFORE_STAGES + stage_index)

    @property
    def stem_depth_gene(self) -> int | None:
        """The gene of the stem's depth; `None` in spaces without an optional convolution there."""
        return self._entry_gene("stem_depth", 0)

    def _entry_gene(self, field: str, entry: int) -> int | None:
        if field not in self._slices:
            return None
        return self._slices[field].start + entry

    def encode(self, arch: Arch) -> np.ndarray:
        """Genes of an arch all of whose values are among the choices: int32, shape `(num_genes,)`."""
        values: list[float] = []
        for field in self.fields:
            values += arch.entries(field)
        indices = [choices.index(value) for choices, value in zip(self.choices, values, strict=True)]
        return np.array(indices, np.int32)

    def decode(self, genes: np.ndarray) -> dict[str, tuple[float, ...]]:
        """The entries of each field of `Arch` that one gene vector, `(num_genes,)`, stands for."""
        values = [choices[index] for choices, index in zip(self.choices, genes, strict=True)]
        return {field: tuple(values[where]) for field, where in self._slices.items()}

    def check(self, genes: np.ndarray, owner: str) -> np.ndarray:
        """Return `genes` as an array after checking its shape and range.

        Args:
            genes: Should be whole numbers of shape `(num_genes,)` or `(n, num_genes)`.
            owner: Name of the search space, for the message.

        Raises:
            InputError: If the last axis is not `num_genes` long or an index is
                out of range.
        """
        genes = np.asarray(genes)
        if genes.ndim not in (1, 2) or genes.shape[-1] != self.num_genes:
            raise InputError(
                f"Expected genes of shape ({self.num_genes},) or (n, {self.num_genes}) for {owner}. "
                f"Received: shape {genes.shape}."
            )
        if genes.dtype.kind not in "iu":
            raise InputError(f"Expected genes to be whole numbers. Received: an array of dtype {genes.dtype}.")
        is_wrong = (genes < 0) | (genes >= self.counts)
        if is_wrong.any():
            first = tuple(np.argwhere(is_wrong)[0])
            gene = int(first[-1])
            raise InputError(f"Expected gene {gene} to be from 0 to {self.counts[gene] - 1}. Received: {genes[first]}.")
        return genes


def make_layout(design: NetworkDesign) -> GeneLayout:
    """The genes of a search space: a group for each field of `Arch` that is elastic in it.

    A space of one subnet has the same genes, each with one choice.

    Args:
        design: What the networks are made of.
    """
    groups = _all_choices(design)
    if design.only is not None:
        groups = {field: [(value,) for value in design.only.entries(field)] for field in groups}
    return GeneLayout(groups)


def _all_choices(design: NetworkDesign) -> dict[str, Sequence[Choices]]:
    """The choices of each entry of the elastic fields of `Arch`."""
    groups: dict[str, Sequence[Choices]] = {
        "image_size": [design.image_sizes],
        "depths": [stage.depths for stage in design.stages],
    }
    for field in design.block_class.choice_fields:
        of_blocks: list[Choices] = []
        for stage in design.stages:
            largest_depth = stage.depths[-1]
            of_blocks += [getattr(stage, field)] * largest_depth
        groups[field] = of_blocks
    if design.width_multipliers:
        num_widths = _NUM_WIDTHS_BEFORE_STAGES + len(design.stages)
        groups["width_multipliers"] = [design.width_multipliers] * num_widths
    if design.has_deep_stem:
        groups["stem_depth"] = [(0, 1)]
    return groups
