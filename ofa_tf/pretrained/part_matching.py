"""Finding the arch of a search space whose parts are the described ones.

A description says of each part what its author found worth saying, such as channels and kernel size. The parts of a
search space say the same things, for every choice. So an arch is found by trying each part's choices, in three steps:

1. Pair the parts of the space with the described ones; blocks of the space that may be skipped are there only if the
   next described block belongs to their stage.
2. For each pair, find the choices that make the one part like the other, and write them into the genes.
3. Compare the arch of these genes with the description once more, as choices that several parts share (a stage's width
   is the input of the next one) may have contradicted each other.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks.part_type import PlainPart
from ofa_tf.space.search_space import SearchSpace

Values = Mapping[str, Any]  # names of fields, constants or properties of part types -> values

_UNKNOWN = object()  # equal to no value


@dataclasses.dataclass(frozen=True)
class DescribedNetwork:
    """What is known of each part of a network, under the names of fields, constants and properties of part types.

    Args:
        stem: Of the stem.
        blocks: Of each block, the fixed first one (if any) included.
        head: Of the head, but for its input channels, which are the last block's output.
    """

    stem: Values
    blocks: Sequence[Values]
    head: Values

    @property
    def parts(self) -> list[Values]:
        """What is known of stem, blocks and head, in this order; there must be a block."""
        last_block = self.blocks[-1]
        head = {**self.head, "in_channels": last_block["out_channels"]}
        return [self.stem, *self.blocks, head]


def find_arch(space: SearchSpace, network: DescribedNetwork) -> Arch | None:
    """The arch of `space` that is the described network, of the largest image size; `None` if there is none."""
    if not network.blocks:
        return None
    pairs = _pair_parts(space, network)
    if pairs is None:
        return None
    genes = _find_genes(space, pairs)
    if genes is None:
        return None

    genes[space.image_size_gene] = len(space.image_sizes) - 1
    arch = space.decode_one(genes)
    if not _is_described(space, arch, network):
        return None
    return arch


def _pair_parts(space: SearchSpace, network: DescribedNetwork) -> list[tuple[Any, Values]] | None:
    """Each part of `space` that is not skipped, with what it must be; `None` if the numbers of blocks differ."""
    stem, *blocks, head = space.parts
    wanted_stem, *wanted_blocks, wanted_head = network.parts

    pairs = [(stem, wanted_stem)]
    num_paired = 0
    for block in blocks:
        remaining = wanted_blocks[num_paired:]
        may_be_skipped = block.stage is not None and block.position >= space.stages[block.stage].depths[0]
        if may_be_skipped and not _is_continued(wanted_blocks[num_paired - 1], remaining):
            continue
        if not remaining:
            return None
        pairs.append((block, remaining[0]))
        num_paired += 1
    if num_paired < len(wanted_blocks):
        return None
    pairs.append((head, wanted_head))
    return pairs


def _is_continued(block: Values, following: Sequence[Values]) -> bool:
    """Whether the next block is of the same stage: stages differ in their output channels."""
    if not following:
        return False
    return following[0]["out_channels"] == block["out_channels"]


def _find_genes(space: SearchSpace, pairs: Sequence[tuple[Any, Values]]) -> np.ndarray | None:
    """Genes that make each part what it must be, int32 `(num_genes,)`; `None` if a part cannot be."""
    genes = np.zeros(space.num_genes, np.int32)
    for part, wanted in pairs:
        choices = _find_choices(part.options, wanted)
        if choices is None:
            return None
        for gene, choice in zip(part.genes, choices, strict=True):
            genes[gene] = choice
        if part.stage is not None:
            # Each block of a stage makes it deeper, so that the last one decides.
            num_blocks = part.position + 1
            depths = space.stages[part.stage].depths
            if num_blocks in depths:
                genes[space.depth_genes.start + part.stage] = depths.index(num_blocks)
    return genes


def _find_choices(options: np.ndarray, wanted: Values) -> tuple[int, ...] | None:
    """Where the first fitting part stands among all options of a part; `None` if none fits."""
    for choices in np.ndindex(options.shape):
        if _fits(options[choices], wanted):
            return choices
    return None


def _is_described(space: SearchSpace, arch: Arch, network: DescribedNetwork) -> bool:
    """Whether the parts of an arch are the described ones, no more and no fewer."""
    parts = list(space.plain_parts(arch).values())
    if len(parts) != len(network.parts):
        return False
    pairs = zip(parts, network.parts, strict=True)
    return all(_fits(part, wanted) for part, wanted in pairs)


def _fits(part: PlainPart, wanted: Values) -> bool:
    """Whether a part has all the wanted values; one that its type says nothing about is not among them."""
    return all(getattr(part, name, _UNKNOWN) == value for name, value in wanted.items())
