"""`SearchSpace`: the stages and choices of a family of networks, as data.

A subnet has two forms. `Arch` is the readable one that files and tools hand on.
Its *genes* are the fast one: an int32 vector of choice indices (0 is the
smallest choice), of which a population is an array, one row an arch:

    [image size, depth of each stage, kernel size of each block, expand ratio of each block,
     width multipliers, stem depth]

of which a space has those that are elastic in it.

Search, cost formulas and the supernet's graph work on genes.
"""

import dataclasses
import functools
import math
from collections.abc import Iterable, Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.space.part_types import MBCONV, Part, PlainPart, Stage, out_size
from ofa_tf.space.parts import make_parts


@dataclasses.dataclass(frozen=True)
class SearchSpace:
    """A family of networks that share one set of weights.

    Args:
        name: Name under which archs refer to the space.
        image_sizes: Choices for the input height and width, ascending, pixels.
        stem_width: Output channels of the stem.
        stages: The elastic stages, all of one block type.
        stem_stride: Stride of the stem's convolution.
        first_width: Output channels of the fixed first block (kernel size 3,
            no expansion); 0: there is none.
        feature_width: Channels of the last 1x1 convolution before pooling; 0:
            there is none.
        head_width: Channels of the 1x1 convolution after pooling; 0: there is
            none.
        activation: Of the stem and the head.
        has_deep_stem: Whether the stem is ResNet-D's, see `DeepStem`, of elastic
            width and depth.
        width_multipliers: Choices that multiply the width of the stem's middle,
            the stem's output and each stage's output, ascending; empty: these
            widths are fixed.
        batch_norm_epsilon: Added to the variance in batch normalization.
        batch_norm_momentum: Share of the old running statistics kept in a step.

    Raises:
        InputError: If there is no stage, the stages are of several block types,
            the image sizes or the multipliers are not ascending, or a stem or
            first block is asked for that does not go with the blocks.

    Reference: Once-for-All, section 3.2 (elastic depth, width, kernel size and
    image size) and its released code for the networks themselves.
    """

    name: str
    image_sizes: tuple[int, ...]
    stem_width: int
    stages: tuple[Stage, ...]
    stem_stride: int = 2
    first_width: int = 0
    feature_width: int = 0
    head_width: int = 0
    activation: str = "hard_swish"
    has_deep_stem: bool = False
    width_multipliers: tuple[float, ...] = ()
    batch_norm_epsilon: float = 1e-5
    batch_norm_momentum: float = 0.9

    def __post_init__(self) -> None:
        sizes = tuple(int(size) for size in self.image_sizes)
        if not sizes or list(sizes) != sorted(set(sizes)) or sizes[0] <= 0:
            raise InputError(f"Expected `image_sizes` to be positive, distinct and ascending. Received: {sizes}.")
        if not self.stages:
            raise InputError("Expected at least one stage. Received: stages=().")
        if len({stage.block_type for stage in self.stages}) > 1:
            raise InputError("Expected the stages to be of one block type. Received: several.")
        multipliers = tuple(self.width_multipliers)
        if list(multipliers) != sorted(set(multipliers)) or (multipliers and multipliers[0] <= 0):
            raise InputError(
                f"Expected `width_multipliers` to be positive, distinct and ascending. Received: {multipliers}."
            )
        if self.has_deep_stem != bool(multipliers) or (multipliers and self.block_type == MBCONV):
            raise InputError(
                "Expected `width_multipliers` exactly where there are bottlenecks and `has_deep_stem`. Received: "
                f"width_multipliers={multipliers}, has_deep_stem={self.has_deep_stem}, {self.block_type} blocks."
            )
        if self.first_width and self.block_type != MBCONV:
            raise InputError(f"Expected `first_width` with mbconv blocks only. Received: {self.block_type} blocks.")
        object.__setattr__(self, "width_multipliers", multipliers)
        object.__setattr__(self, "image_sizes", sizes)
        object.__setattr__(self, "stages", tuple(self.stages))

    # --- structure -------------------------------------------------------

    @functools.cached_property
    def parts(self) -> tuple[Part, ...]:
        """All parts of the networks, at full depth, in order: stem, blocks and head."""
        return make_parts(self)

    @functools.cached_property
    def blocks(self) -> tuple[Part, ...]:
        """The elastic blocks among the parts."""
        return tuple(part for part in self.parts if part.stage is not None)

    @property
    def block_type(self) -> str:
        """Type of the blocks, see `Stage`."""
        return self.stages[0].block_type

    def plain_parts(self, arch: Arch) -> dict[str, PlainPart]:
        """The parts of one subnet with their choices made, by name, in order.

        Raises:
            InputError: If `arch` is not of this space.
        """
        genes = self.encode(arch)
        active = self.active_parts(genes)
        return {part.name: part.option(genes) for part, is_active in zip(self.parts, active, strict=True) if is_active}

    def input_sizes(self, image_size: int) -> dict[str, int]:
        """Height and width of the input of each part, by its name.

        Depth does not matter: only the first block of a stage, which is never
        skipped, has a stride.
        """
        sizes, size = {}, int(image_size)
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
        total *= math.prod(len(choices) for choices in self.gene_choices[self.width_genes.start :])
        for stage in self.stages:
            per_block = len(stage.kernel_sizes if self.block_type == MBCONV else (3,)) * len(stage.expand_ratios)
            total *= sum(per_block**depth for depth in stage.depths)
        return total

    # --- genes -----------------------------------------------------------

    @functools.cached_property
    def gene_choices(self) -> tuple[tuple[float, ...], ...]:
        """The ascending choices of each gene."""
        choices: list[tuple[float, ...]] = [self.image_sizes]
        choices += [stage.depths for stage in self.stages]
        choices += self._block_stages("kernel_sizes") if self.block_type == MBCONV else []
        choices += self._block_stages("expand_ratios")
        choices += [self.width_multipliers] * (2 + len(self.stages)) if self.width_multipliers else []
        choices += [(0, 1)] if self.has_deep_stem else []
        return tuple(choices)

    def _block_stages(self, field: str) -> list[tuple[float, ...]]:
        """A field of the stage of each block."""
        return [getattr(stage, field) for stage in self.stages for _ in range(stage.depths[-1])]

    @property
    def num_genes(self) -> int:
        """Length of a gene vector."""
        return len(self.gene_choices)

    @functools.cached_property
    def gene_counts(self) -> np.ndarray:
        """Number of choices of each gene, shape `(num_genes,)`."""
        return np.array([len(choices) for choices in self.gene_choices], np.int32)

    @property
    def image_size_gene(self) -> int:
        """Index of the image size among the genes."""
        return 0

    @property
    def depth_genes(self) -> slice:
        """Where the depths, one per stage, lie in a gene vector."""
        return slice(1, 1 + len(self.stages))

    @property
    def kernel_genes(self) -> slice:
        """Where the kernel sizes, one per block if these are elastic, lie in a gene vector."""
        start = self.depth_genes.stop
        return slice(start, start + (self._num_blocks if self.block_type == MBCONV else 0))

    @property
    def expand_genes(self) -> slice:
        """Where the expand ratios, one per block, lie in a gene vector."""
        start = self.kernel_genes.stop
        return slice(start, start + self._num_blocks)

    @property
    def width_genes(self) -> slice:
        """Where the width multipliers, if any, lie: the stem's middle, its output, each stage's output."""
        start = self.expand_genes.stop
        return slice(start, start + (2 + len(self.stages) if self.width_multipliers else 0))

    @property
    def stem_depth_gene(self) -> int:
        """Index of the stem's depth among the genes of a space with a deep stem."""
        return self.width_genes.stop

    @property
    def _num_blocks(self) -> int:
        return sum(stage.depths[-1] for stage in self.stages)

    def encode(self, archs: Arch | Iterable[Arch]) -> np.ndarray:
        """Genes of one arch, shape `(num_genes,)`, or of many, `(n, num_genes)`, int32.

        Raises:
            InputError: If an arch is not of this space.
        """
        if isinstance(archs, Arch):
            return self._encode_one(archs)
        rows = [self._encode_one(arch) for arch in archs]
        return np.stack(rows) if rows else np.zeros((0, self.num_genes), np.int32)

    def _encode_one(self, arch: Arch) -> np.ndarray:
        self.validate(arch)
        values = (arch.image_size, *arch.depths, *arch.kernel_sizes, *arch.expand_ratios, *arch.width_multipliers)
        if arch.stem_depth is not None:
            values = (*values, arch.stem_depth)
        indices = [choices.index(value) for choices, value in zip(self.gene_choices, values, strict=True)]
        return np.array(indices, np.int32)

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
        genes = np.asarray(genes)
        if genes.ndim not in (1, 2) or genes.shape[-1] != self.num_genes:
            raise InputError(
                f"Expected genes of shape ({self.num_genes},) or (n, {self.num_genes}) for {self.name}. "
                f"Received: shape {genes.shape}."
            )
        if genes.dtype.kind not in "iu":
            raise InputError(f"Expected genes to be whole numbers. Received: an array of dtype {genes.dtype}.")
        wrong = np.argwhere((genes < 0) | (genes >= self.gene_counts))
        if len(wrong):
            index = int(wrong[0][-1])
            raise InputError(
                f"Expected gene {index} to be from 0 to {self.gene_counts[index] - 1}. "
                f"Received: {genes[tuple(wrong[0])]}."
            )
        return genes

    def active_blocks(self, genes: np.ndarray) -> np.ndarray:
        """Which elastic blocks are not skipped: bool, `genes.shape[:-1] + (num_blocks,)`."""
        return self._are_active(genes, self.blocks)

    def active_parts(self, genes: np.ndarray) -> np.ndarray:
        """Which parts are not skipped: bool, `genes.shape[:-1] + (num_parts,)`."""
        return self._are_active(genes, self.parts)

    def _are_active(self, genes: np.ndarray, parts: Sequence[Part]) -> np.ndarray:
        depth_genes = np.asarray(genes)[..., self.depth_genes]
        active = []
        for part in parts:
            if part.stage is None:
                active.append(np.ones(depth_genes.shape[:-1], bool))
            else:
                active.append(np.array(self.stages[part.stage].depths)[depth_genes[..., part.stage]] > part.position)
        return np.stack(active, axis=-1)

    def canonical_genes(self, genes: np.ndarray) -> np.ndarray:
        """`genes` with the entries of skipped blocks set to 0."""
        genes = np.array(genes)
        active = self.active_blocks(genes)
        for of_blocks in (self.kernel_genes, self.expand_genes):
            if of_blocks.stop > of_blocks.start:
                genes[..., of_blocks] *= active
        return genes

    def canonical(self, arch: Arch) -> Arch:
        """`arch` with the entries of skipped blocks set to the smallest choice.

        Two archs are the same network if and only if their canonical forms are
        equal, but for width multipliers that round to the same channels.
        """
        return self.decode_one(self.canonical_genes(self.encode(arch)))

    # --- drawing ---------------------------------------------------------

    def smallest_indices(
        self, kernel_sizes: int | None = None, depths: int | None = None, expand_ratios: int | None = None
    ) -> np.ndarray:
        """Lower bounds that keep only the largest choices of some kinds of genes.

        Args:
            kernel_sizes: How many of the largest kernel sizes to keep; `None`
                keeps all. The others alike.
            depths: How many of the largest depths, the stem's included, to keep.
            expand_ratios: How many of the largest expand ratios and width
                multipliers to keep.

        Returns:
            int32 array of shape `(num_genes,)`: the smallest index allowed.
        """
        lower = np.zeros(self.num_genes, np.int32)
        kept = (
            (self.kernel_genes, kernel_sizes),
            (self.depth_genes, depths),
            (slice(self.width_genes.stop, None), depths),
            (self.expand_genes, expand_ratios),
            (self.width_genes, expand_ratios),
        )
        for genes, keep in kept:
            if keep is not None:
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
        """Draw one arch, each choice independently and evenly."""
        return self.decode_one(self.sample_genes(rng, 1, lower)[0])

    def mutate(
        self,
        rng: np.random.Generator,
        genes: np.ndarray,
        probability: float = 0.1,
        image_size_probability: float = 0.5,
    ) -> np.ndarray:
        """Redraw each gene with some probability; `genes` is `(n, num_genes)`.

        Reference: Once-for-All, section 3.4 and its released search code
        (10% per gene, 50% for the image size).
        """
        redrawn = self.sample_genes(rng, len(genes))
        chance = np.full(self.num_genes, probability)
        chance[self.image_size_gene] = image_size_probability
        return np.where(rng.random(genes.shape) < chance, redrawn, genes)

    def crossover(self, rng: np.random.Generator, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Take each gene from one of two parents; arrays of `(n, num_genes)`."""
        return np.where(rng.random(first.shape) < 0.5, first, second)

    def largest(self, image_size: int | None = None) -> Arch:
        """The arch with the largest of every choice.

        Args:
            image_size: Pixels; the largest choice by default.

        Raises:
            InputError: If `image_size` is not a choice.
        """
        return self._extreme(self.gene_counts - 1, image_size)

    def smallest(self, image_size: int | None = None) -> Arch:
        """The arch with the smallest of every choice; see `largest`."""
        return self._extreme(np.zeros(self.num_genes, np.int32), image_size)

    def _decode_row(self, genes: np.ndarray) -> Arch:
        values = [choices[index] for choices, index in zip(self.gene_choices, genes, strict=True)]
        return Arch(
            space=self.name,
            image_size=int(values[self.image_size_gene]),
            depths=tuple(int(value) for value in values[self.depth_genes]),
            kernel_sizes=tuple(int(value) for value in values[self.kernel_genes]),
            expand_ratios=tuple(values[self.expand_genes]),
            width_multipliers=tuple(values[self.width_genes]),
            stem_depth=int(values[self.stem_depth_gene]) if self.has_deep_stem else None,
        )

    def _extreme(self, genes: np.ndarray, image_size: int | None) -> Arch:
        arch = self.decode_one(genes)
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
            raise InputError(f"Expected an `Arch`. Received: {arch!r}. Arch.from_dict makes one.")
        if arch.space != self.name:
            raise InputError(
                f"Expected an arch of the search space {self.name!r}. Received: one of {arch.space!r}. "
                "Use the arch with the workdir it was searched for."
            )
        if (arch.stem_depth is not None) != self.has_deep_stem:
            raise InputError(
                f"Expected `stem_depth` to be {'0 or 1' if self.has_deep_stem else 'left out'} in {self.name}. "
                f"Received: stem_depth={arch.stem_depth}."
            )
        _check_choices("image_size", [arch.image_size], [self.image_sizes])
        _check_choices("depths", arch.depths, [stage.depths for stage in self.stages])
        _check_choices("kernel_sizes", arch.kernel_sizes, self.gene_choices[self.kernel_genes])
        _check_choices("expand_ratios", arch.expand_ratios, self.gene_choices[self.expand_genes])
        _check_choices("width_multipliers", arch.width_multipliers, self.gene_choices[self.width_genes])
        if arch.stem_depth is not None:
            _check_choices("stem_depth", [arch.stem_depth], [(0, 1)])

    def to_dict(self) -> dict:
        """The space as JSON-serialisable data; `from_dict` reverses it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "SearchSpace":
        """Rebuild a space from `to_dict`'s data."""
        stages = tuple(Stage(**stage) for stage in values["stages"])
        return cls(**{**values, "stages": stages})

    def __hash__(self) -> int:
        return hash((self.name, self.image_sizes, self.stages, self.head_width))


def _check_choices(name: str, values: Sequence[float], choices: Sequence[Sequence[float]]) -> None:
    if len(values) != len(choices):
        raise InputError(
            f"Expected `{name}` to have {len(choices)} entries. Received: {len(values)} ({name}={values})."
        )
    for index, (value, allowed) in enumerate(zip(values, choices, strict=True)):
        if value not in allowed:
            shown = _shorten(allowed)
            raise InputError(f"Expected `{name}[{index}]` to be one of {shown}. Received: {name}[{index}]={value}.")


def _shorten(values: Sequence[float]) -> str:
    if len(values) <= 6:
        return str(list(values))
    step = values[1] - values[0]
    even = math.isclose(step * (len(values) - 1), values[-1] - values[0])
    return f"{values[0]}, {values[1]}, ..., {values[-1]}" if even else str(list(values))
