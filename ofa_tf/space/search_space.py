"""`SearchSpace`: a family of networks that share one set of weights.

What the networks are made of is `NetworkDesign` (design.py); here is what follows from it:
the parts with their choices (parts.py), the genes (genes.py), drawing, checking and files.
"""

import dataclasses
import functools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks.part_type import PlainPart
from ofa_tf.space.blocks.rounding import out_size
from ofa_tf.space.blocks.stage import Stage
from ofa_tf.space.choice_check import check_choices
from ofa_tf.space.design import NetworkDesign
from ofa_tf.space.genes import GeneLayout, make_layout
from ofa_tf.space.parts import Part, make_parts
from ofa_tf.space.presence import Presence


# A subclass of the design, not a holder of one: the fields of a space are the keys of its JSON in the file of every
# supernet, in the order in which the design declares them.
@dataclasses.dataclass(frozen=True)
class SearchSpace(NetworkDesign):
    """A family of networks that share one set of weights; for the arguments see `NetworkDesign`.

    Reference: Once-for-All, section 3.2 (elastic depth, width, kernel size and
    image size) and its released code for the networks themselves.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.only is not None:
            dataclasses.replace(self, only=None).validate(self.only)

    def __hash__(self) -> int:
        return hash((self.name, self.image_sizes, self.stages, self.head_width))

    def of_one(self, arch: Arch) -> "SearchSpace":
        """The space in which `arch` is the only subnet, to train it alone.

        Its supernet is that subnet: it has the subnet's parameters and no others. Genes have
        one choice each. It keeps the space's name, so that `arch` is an arch of both.

        Raises:
            InputError: If `arch` is not of this space.
        """
        self.validate(arch)
        return dataclasses.replace(self, image_sizes=(arch.image_size,), only=arch)

    # --- structure -------------------------------------------------------

    @functools.cached_property
    def parts(self) -> tuple[Part, ...]:
        """All parts of the networks, at full depth, in order: stem, blocks and head."""
        return make_parts(self, self.layout)

    @functools.cached_property
    def blocks(self) -> tuple[Part, ...]:
        """The elastic blocks among the parts."""
        return tuple(part for part in self.parts if part.stage is not None)

    def plain_parts(self, arch: Arch) -> dict[str, PlainPart]:
        """The parts of one subnet with their choices made, by name, in order.

        Raises:
            InputError: If `arch` is not of this space.
        """
        genes = self.encode(arch)
        is_active = self.active_parts(genes)
        active = [part for part, flag in zip(self.parts, is_active, strict=True) if flag]
        return {part.name: part.option(genes) for part in active}

    def input_sizes(self, image_size: int) -> dict[str, int]:
        """Height and width of the input of each part, by its name.

        Depth does not matter: only the first block of a stage, which is never
        skipped, has a stride.
        """
        sizes = {}
        size = int(image_size)
        for part in self.parts:
            sizes[part.name] = size
            size = int(out_size(size, *part.largest.strides))
        return sizes

    def count(self, include_image_sizes: bool = False) -> int:
        """Number of different subnets, per image size unless told otherwise.

        Subnets that differ only in the entries of skipped blocks count once.
        Width multipliers that round to the same channels count apart.
        """
        total = len(self.image_sizes) if include_image_sizes else 1
        for field in ("width_multipliers", "stem_depth"):
            total *= math.prod(len(choices) for choices in self.gene_choices[self.layout.of_field(field)])
        first_block = 0
        for stage_index, stage in enumerate(self.stages):
            per_block = math.prod(self._num_choices_of_block(first_block))
            total *= sum(per_block**depth for depth in self.layout.depth_choices(stage_index))
            first_block += stage.depths[-1]
        return total

    def _num_choices_of_block(self, block_index: int) -> list[int]:
        """How many choices a block has of each kind; those of a stage have equally many."""
        genes = [self.layout.block_gene(field, block_index) for field in self.block_class.choice_fields]
        return [len(self.gene_choices[gene]) for gene in genes]

    # --- genes -----------------------------------------------------------

    @functools.cached_property
    def layout(self) -> GeneLayout:
        """Which gene decides what."""
        return make_layout(self)

    @property
    def gene_choices(self) -> tuple[tuple[float, ...], ...]:
        """The ascending choices of each gene."""
        return self.layout.choices

    @property
    def num_genes(self) -> int:
        """Length of a gene vector."""
        return self.layout.num_genes

    @property
    def gene_counts(self) -> np.ndarray:
        """Number of choices of each gene, shape `(num_genes,)`."""
        return self.layout.counts

    @property
    def image_size_gene(self) -> int:
        """Index of the image size among the genes."""
        return self.layout.of_field("image_size").start

    @property
    def depth_genes(self) -> slice:
        """Where the depths, one per stage, lie in a gene vector."""
        return self.layout.of_field("depths")

    @property
    def block_genes(self) -> tuple[slice, ...]:
        """Where the entries of each choice of the blocks lie, one entry a block."""
        return tuple(self.layout.of_field(field) for field in self.block_class.choice_fields)

    def encode(self, archs: Arch | Iterable[Arch]) -> np.ndarray:
        """Genes of one arch, shape `(num_genes,)`, or of many, `(n, num_genes)`, int32.

        Raises:
            InputError: If an arch is not of this space.
        """
        if isinstance(archs, Arch):
            return self._encode_one(archs)
        rows = [self._encode_one(arch) for arch in archs]
        if not rows:
            return np.zeros((0, self.num_genes), np.int32)
        return np.stack(rows)

    def _encode_one(self, arch: Arch) -> np.ndarray:
        self.validate(arch)
        return self.layout.encode(arch)

    def as_genes(self, archs: Arch | Iterable[Arch] | np.ndarray) -> np.ndarray:
        """Genes of whatever stands for archs: an arch, several, or genes, which are checked.

        Returns:
            Shape `(num_genes,)` for one arch, `(n, num_genes)` for several.

        Raises:
            InputError: If an arch is not of this space, or the genes are none of it.
        """
        if isinstance(archs, np.ndarray):
            return self.check_genes(archs)
        return self.encode(archs)

    def decode(self, genes: np.ndarray) -> list[Arch]:
        """Reverse `encode` for an array of rows, `(n, num_genes)`.

        Raises:
            InputError: If the shape is wrong or an index has no choice.
        """
        genes = self.check_genes(genes)
        if genes.ndim != 2:
            raise InputError(f"Expected genes of shape (n, {self.num_genes}). Received: shape {genes.shape}.")
        return [self._decode_row(row) for row in genes]

    def decode_one(self, genes: np.ndarray) -> Arch:
        """Reverse `encode` for one gene vector, `(num_genes,)`.

        Raises:
            InputError: If the shape is wrong or an index has no choice.
        """
        genes = self.check_genes(genes)
        if genes.ndim != 1:
            raise InputError(f"Expected genes of shape ({self.num_genes},). Received: shape {genes.shape}.")
        return self._decode_row(genes)

    def check_genes(self, genes: np.ndarray) -> np.ndarray:
        """Return `genes` as an array after checking its shape and range.

        Raises:
            InputError: If the last axis is not `num_genes` long or an index is
                out of range.
        """
        return self.layout.check(genes, owner=self.name)

    def active_blocks(self, genes: np.ndarray) -> np.ndarray:
        """Which elastic blocks are not skipped: bool, `genes.shape[:-1] + (num_blocks,)`, at full depth."""
        return self._presence_of_blocks.of(genes)

    def active_parts(self, genes: np.ndarray) -> np.ndarray:
        """Which parts are not skipped: bool, `genes.shape[:-1] + (num_parts,)`."""
        return self.presence_of_parts.of(genes)

    def active_genes(self, genes: np.ndarray) -> np.ndarray:
        """Which genes matter, as no skipped block has them: bool, of the shape of `genes`."""
        return self._presence_of_genes.of(genes)

    @functools.cached_property
    def presence_of_parts(self) -> Presence:
        """When each part is there."""
        least = np.zeros(len(self.parts), np.int32)
        depth_genes = np.zeros(len(self.parts), np.intp)
        for number, part in enumerate(self.parts):
            if part.stage is not None:
                depth_genes[number] = self.depth_genes.start + part.stage
                least[number] = self._least_depth_index(part.stage, part.position)
        return Presence(depth_genes, least)

    @functools.cached_property
    def _presence_of_blocks(self) -> Presence:
        """When each block is there; those that a space of one subnet skips are among them, and never are."""
        depth_genes = []
        least = []
        for stage_index, stage in enumerate(self.stages):
            for position in range(stage.depths[-1]):
                depth_genes.append(self.depth_genes.start + stage_index)
                least.append(self._least_depth_index(stage_index, position))
        return Presence(np.array(depth_genes, np.intp), np.array(least, np.int32))

    @functools.cached_property
    def _presence_of_genes(self) -> Presence:
        """When the block is there to which each gene belongs; a gene of no block always matters."""
        least = np.zeros(self.num_genes, np.int32)
        depth_genes = np.zeros(self.num_genes, np.intp)
        for of_blocks in self.block_genes:
            depth_genes[of_blocks] = self._presence_of_blocks.depth_genes
            least[of_blocks] = self._presence_of_blocks.least
        return Presence(depth_genes, least)

    def _least_depth_index(self, stage_index: int, position: int) -> int:
        """The depth gene of a stage from which on its block at `position` is there."""
        choices = self.layout.depth_choices(stage_index)
        return int(np.searchsorted(choices, position, side="right"))

    def canonical_genes(self, genes: np.ndarray) -> np.ndarray:
        """`genes` with the entries of skipped blocks set to 0."""
        genes = np.asarray(genes)
        return genes * self.active_genes(genes)

    def canonical(self, arch: Arch) -> Arch:
        """`arch` with the entries of skipped blocks set to the smallest choice.

        Two archs are the same network if and only if their canonical forms are
        equal, but for width multipliers that round to the same channels.
        """
        return self.decode_one(self.canonical_genes(self.encode(arch)))

    def _decode_row(self, genes: np.ndarray) -> Arch:
        values: dict[str, Any] = dict(self.layout.decode(genes))
        for field in ("image_size", "stem_depth"):  # one number, where the others are tuples
            if field in values:
                (values[field],) = values[field]
        return Arch(space=self.name, **values)

    # --- drawing ---------------------------------------------------------

    def smallest_indices(
        self, kernel_sizes: int | None = None, depths: int | None = None, expand_ratios: int | None = None
    ) -> np.ndarray:
        """Lower bounds that keep only the largest choices of some kinds of genes.

        Args:
            kernel_sizes: How many of the largest kernel sizes, and of any further
                choice that a block type has, to keep; `None` keeps all. The others
                alike.
            depths: How many of the largest depths, the stem's included, to keep.
            expand_ratios: How many of the largest expand ratios and width
                multipliers to keep.

        Returns:
            int32 array of shape `(num_genes,)`: the smallest index allowed.
        """
        # The block type's own choices become elastic together with its kernel sizes, so that they are distilled, too.
        num_kept = dict.fromkeys(self.block_class.choice_fields, kernel_sizes)
        num_kept |= {
            "depths": depths,
            "stem_depth": depths,
            "expand_ratios": expand_ratios,
            "width_multipliers": expand_ratios,
        }
        lower = np.zeros(self.num_genes, np.int32)
        for field, keep in num_kept.items():
            if keep is not None:
                genes = self.layout.of_field(field)
                lower[genes] = np.maximum(self.gene_counts[genes] - keep, 0)
        return lower

    def sample_genes(self, rng: np.random.Generator, num: int, lower: np.ndarray | None = None) -> np.ndarray:
        """Draw genes independently and evenly: int32, shape `(num, num_genes)`.

        Args:
            rng: Source of randomness.
            num: Number of archs.
            lower: Smallest index allowed of each gene, see `smallest_indices`.
        """
        low = np.zeros(self.num_genes, np.int32) if lower is None else lower
        return rng.integers(low, self.gene_counts, size=(num, self.num_genes), dtype=np.int32)

    def sample(self, rng: np.random.Generator, lower: np.ndarray | None = None) -> Arch:
        """Draw one arch, each choice independently and evenly.

        Args:
            rng: Source of randomness.
            lower: Smallest index allowed of each gene, see `smallest_indices`.
        """
        return self.decode_one(self.sample_genes(rng, 1, lower)[0])

    def mutate(
        self,
        rng: np.random.Generator,
        genes: np.ndarray,
        probability: float = 0.1,
        image_size_probability: float = 0.5,
    ) -> np.ndarray:
        """Redraw each gene with some probability.

        Args:
            rng: Source of randomness.
            genes: int, shape `(n, num_genes)`; left as they are.
            probability: Of each gene but the image size, to be redrawn.
            image_size_probability: Of the image size, to be redrawn.

        Returns:
            New genes of the same shape.

        Reference: Once-for-All, section 3.4 and its released search code
        (10% per gene, 50% for the image size).
        """
        chance = np.full(self.num_genes, probability)
        chance[self.image_size_gene] = image_size_probability
        drawn = rng.random(genes.shape)
        is_redrawn = drawn < chance

        # One number decides both whether a gene is redrawn and to which choice: those below the chance, divided by it,
        # are spread evenly over [0, 1) again.
        share = np.divide(drawn, chance, out=np.zeros_like(drawn), where=is_redrawn)
        redrawn = (share * self.gene_counts).astype(genes.dtype)
        return np.where(is_redrawn, redrawn, genes)

    def crossover(self, rng: np.random.Generator, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Take each gene from one of two parents, from either with the same probability.

        Args:
            rng: Source of randomness.
            first: int, shape `(n, num_genes)`.
            second: The other parents, of the same shape.

        Returns:
            New genes of the same shape.
        """
        is_of_first = rng.integers(2, size=first.shape, dtype=bool)
        return np.where(is_of_first, first, second)

    def largest(self, image_size: int | None = None) -> Arch:
        """The arch with the largest of every choice.

        Args:
            image_size: Pixels; the largest choice by default.

        Raises:
            InputError: If `image_size` is not a choice.
        """
        return self._with_image_size(self.decode_one(self.gene_counts - 1), image_size)

    def smallest(self, image_size: int | None = None) -> Arch:
        """The arch with the smallest of every choice; see `largest`."""
        return self._with_image_size(self.decode_one(np.zeros(self.num_genes, np.int32)), image_size)

    def _with_image_size(self, arch: Arch, image_size: int | None) -> Arch:
        if image_size is None:
            return arch
        arch = dataclasses.replace(arch, image_size=image_size)
        self.validate(arch)
        return arch

    # --- checking --------------------------------------------------------

    def validate(self, arch: Arch) -> None:
        """Check that every value of `arch` is among the choices.

        Raises:
            InputError: Naming the field, the value and the choices.
        """
        if not isinstance(arch, Arch):
            raise InputError(
                f"Expected an `Arch`. Received: {arch!r}. The space's largest(), smallest() and sample(rng) give one, "
                "and so does Arch.load(path)."
            )
        if arch.space != self.name:
            raise InputError(
                f"Expected an arch of the search space {self.name!r}. Received: one of {arch.space!r}. "
                "Use the arch with the workdir it was searched for."
            )
        if (arch.stem_depth is not None) != self.has_deep_stem:
            rule = "0 or 1" if self.has_deep_stem else "left out"
            raise InputError(
                f"Expected `stem_depth` to be {rule} in {self.name}. Received: stem_depth={arch.stem_depth}."
            )
        try:
            for field in arch.choice_fields():
                check_choices(field, arch.entries(field), self.gene_choices[self.layout.of_field(field)])
        except InputError as error:
            if self.only is None:
                raise
            raise InputError(
                f"{error} The run holds one subnet only, which was trained alone: pass --arch=max, in Python "
                "`space.largest()`."
            ) from error

    # --- files -----------------------------------------------------------

    def to_dict(self) -> dict:
        """The space as JSON-serialisable data; `from_dict` reverses it."""
        values = dataclasses.asdict(self)
        if self.only is None:
            del values["only"]  # as files had it before there were spaces of one subnet
        return values

    @classmethod
    def from_dict(cls, values: dict) -> "SearchSpace":
        """Rebuild a space from `to_dict`'s data.

        Args:
            values: Field name -> value, tuples as lists.

        Raises:
            InputError: If a field is unknown, missing or not of its type, or the
                space is impossible.
        """
        try:
            stages = tuple(Stage(**stage) for stage in values["stages"])
            only = values.get("only")
            if only is not None:
                only = Arch.from_dict(only)
            return cls(**{**values, "stages": stages, "only": only})
        except (KeyError, TypeError) as error:
            raise InputError(
                f"Expected the fields of a search space, as `to_dict` gives them. Received: others ({error}). "
                "The file is of another version, or of something else."
            ) from error
