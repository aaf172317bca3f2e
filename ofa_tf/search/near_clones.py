"""Near-clones: archs that differ in so few genes that one tells what there is to tell of the other.

Not only their true accuracies are alike. All archs are measured on the same images, and near-clones are right and wrong
about the same ones: their measurements share their noise.
"""

import numpy as np

from ofa_tf.space.search_space import SearchSpace

# Archs that differ in so large a share of their genes are different ones.
_DIFFERENT_SHARE = 0.1


def least_difference(space: SearchSpace) -> int:
    """In how many genes two archs must differ, at least, to be no near-clones."""
    return max(1, round(_DIFFERENT_SHARE * space.num_genes))


def differences_from_nearest(genes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """In how many genes archs differ from the one that they differ least from.

    Args:
        genes: Canonical, `(n, num_genes)`.
        others: The same of those that they are compared with, `(m, num_genes)`, at least one.

    Returns:
        `(n,)`.
    """
    num_different = np.full(len(genes), genes.shape[1])
    for other in others:
        num_different = np.minimum(num_different, (genes != other).sum(axis=1))
    return num_different
