"""What an accuracy predictor sees of an arch: numbers instead of choices."""

import numpy as np

from ofa_tf.space.search_space import SearchSpace


def encode_features(space: SearchSpace, genes: np.ndarray) -> np.ndarray:
    """One-hot choices of an arch, as the input of a predictor.

    Each gene becomes as many columns as it has choices, of which the chosen one is 1 and the
    others are 0. All columns of a skipped block are 0, which makes equal networks have equal
    features. Which blocks are skipped tells the depth of each stage, so depths get no columns of
    their own.

    Args:
        space: Search space.
        genes: `(n, num_genes)`.

    Returns:
        float `(n, num_features)`.

    Reference: Once-for-All, section 3.4.
    """
    genes = np.asarray(genes)
    is_present = _are_present(space, genes)
    depth_genes = range(space.num_genes)[space.depth_genes]

    columns = []
    for gene in range(space.num_genes):
        if gene in depth_genes:
            continue
        one_hot = _one_hot(genes[:, gene], space.gene_counts[gene])
        columns.append(one_hot * is_present[:, gene, np.newaxis])
    return np.concatenate(columns, axis=1)


def _are_present(space: SearchSpace, genes: np.ndarray) -> np.ndarray:
    """Which genes mean anything, as their block is not skipped: bool `(n, num_genes)`."""
    is_present = np.ones(genes.shape, bool)
    active = space.active_blocks(genes)
    for block_genes in space.block_genes:
        is_present[:, block_genes] = active
    return is_present


def _one_hot(indices: np.ndarray, num_choices: int) -> np.ndarray:
    choices = np.arange(num_choices)
    return (indices[:, np.newaxis] == choices).astype(float)
