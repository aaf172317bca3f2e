"""`ChoiceNumbers`: a number for each choice of each gene, looked up by genes."""

from collections.abc import Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.space.search_space import SearchSpace


class ChoiceNumbers:
    """Numbers of choices, which add up to a number of the subnet, as the predictions of a linear model do.

    Args:
        space: The search space.
        numbers: For each gene, an entry for each of its choices.

    Raises:
        InputError: If these are not the genes and choices of the space.
    """

    def __init__(self, space: SearchSpace, numbers: Sequence[np.ndarray]) -> None:
        counts = [len(of_gene) for of_gene in numbers]
        if counts != space.gene_counts.tolist():
            raise InputError(
                f"Expected `numbers` to have as many entries as the genes of {space.name} have choices, "
                f"{space.gene_counts.tolist()}. Received: {counts}."
            )
        self._space = space
        self._numbers = np.concatenate(numbers)
        self._starts = np.cumsum(space.gene_counts) - space.gene_counts

    def sum(self, genes: np.ndarray) -> np.ndarray:
        """The sum over the choices of each subnet; those of skipped blocks count 0.

        Args:
            genes: int, shape `(n, num_genes)`.

        Returns:
            Array of shape `(n,)`.
        """
        numbers = self._numbers[genes + self._starts]
        return np.add.reduce(numbers * self._space.active_genes(genes), axis=1)
