"""`Widths`: the choices that the subnets of a family share.

Subnets share the weights of a block where its channels are the same: where they have the same expand ratio and, in
spaces that have those, the same width multiplier. Depth, kernel size and image size may differ.
"""

import dataclasses

import numpy as np

from ofa_tf.space.search_space import SearchSpace

_WIDTH_FIELDS = ("expand_ratios", "width_multipliers")


def width_genes(space: SearchSpace) -> np.ndarray:
    """Indices of the genes that widths depend on."""
    indices = np.arange(space.num_genes)
    return np.concatenate([indices[space.layout.of_field(field)] for field in _WIDTH_FIELDS])


@dataclasses.dataclass(frozen=True)
class Widths:
    """Widths for all blocks at full depth.

    Args:
        space: The search space.
        choices: Index of the choice of each of `width_genes`, int32 `(num_width_genes,)`.
    """

    space: SearchSpace
    choices: np.ndarray

    @classmethod
    def of_front(cls, space: SearchSpace, genes: np.ndarray, row: int) -> "Widths":
        """Those of an arch of a front; of blocks that it skips, those of the next costlier arch that has them.

        Args:
            space: The search space.
            genes: Of the front, from the cheapest to the costliest, `(n, num_genes)`.
            row: Which arch.
        """
        indices = width_genes(space)
        choices = (space.gene_counts[indices] - 1) // 2  # of blocks that no arch has
        is_open = np.ones(len(indices), bool)
        for arch_genes in genes[row:]:
            is_taken = is_open & space.active_genes(arch_genes)[indices]
            choices[is_taken] = arch_genes[indices][is_taken]
            is_open &= ~is_taken
        return cls(space, choices.astype(np.int32))

    @classmethod
    def uniform(cls, space: SearchSpace, choice: int) -> "Widths":
        """The same choice everywhere; the last where there are fewer."""
        counts = space.gene_counts[width_genes(space)]
        return cls(space, np.minimum(choice, counts - 1).astype(np.int32))

    def mutated(self, rng: np.random.Generator, probability: float) -> "Widths":
        """Others, each choice drawn anew with some probability."""
        counts = self.space.gene_counts[width_genes(self.space)]
        drawn = rng.integers(counts)
        is_drawn = rng.random(len(counts)) < probability
        return dataclasses.replace(self, choices=np.where(is_drawn, drawn, self.choices).astype(np.int32))

    def of(self, genes: np.ndarray) -> np.ndarray:
        """Canonical genes of the archs that have these widths, and are else as genes `(n, num_genes)` say."""
        shared = genes.copy()
        shared[:, width_genes(self.space)] = self.choices
        return self.space.canonical_genes(shared)
