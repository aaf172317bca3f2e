"""What an accuracy predictor sees of an arch: numbers instead of choices."""

import numpy as np

from ofa_tf.space.choice_numbers import ChoiceNumbers
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
    is_active = space.active_genes(genes)

    columns = []
    for gene in _genes_with_columns(space):
        one_hot = _one_hot(genes[:, gene], space.gene_counts[gene])
        columns.append(one_hot * is_active[:, gene, np.newaxis])
    return np.concatenate(columns, axis=1)


def tabulate(space: SearchSpace, weights: np.ndarray) -> ChoiceNumbers:
    """A linear function of the features as a look-up, many times faster: `tabulate(space, weights).sum(genes)`.

    Args:
        space: Search space.
        weights: Of the features, `(num_features,)`.
    """
    numbers = [np.zeros(count) for count in space.gene_counts]
    start = 0
    for gene in _genes_with_columns(space):
        end = start + space.gene_counts[gene]
        numbers[gene] = weights[start:end]
        start = end
    return ChoiceNumbers(space, numbers)


def _genes_with_columns(space: SearchSpace) -> list[int]:
    depth_genes = range(space.num_genes)[space.depth_genes]
    return [gene for gene in range(space.num_genes) if gene not in depth_genes]


def _one_hot(indices: np.ndarray, num_choices: int) -> np.ndarray:
    choices = np.arange(num_choices)
    return (indices[:, np.newaxis] == choices).astype(float)
