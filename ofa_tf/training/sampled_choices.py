"""`SampledChoices`: what the subnets of some steps have in common, in a few numbers."""

from collections.abc import Sequence

import numpy as np

from ofa_tf.space.search_space import SearchSpace


class SampledChoices:
    """Takes means of what subnets chose, over many subnets at once.

    Args:
        space: Their search space.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        # The choices of each gene, in a row of its own, with nothing behind its last one.
        self._choices = np.zeros((space.num_genes, int(space.gene_counts.max())))
        for gene, choices in enumerate(space.gene_choices):
            self._choices[gene, : len(choices)] = choices

    def means(self, genes: Sequence[np.ndarray]) -> dict[str, float]:
        """Means over subnets, by the name of a field of `Arch`.

        Of the depths it is the number of blocks, of all stages together; of what blocks choose it is the mean over the
        blocks that are not skipped.

        Args:
            genes: Of the subnets of each step, int32 `(num_subnets, num_genes)`.
        """
        rows = np.concatenate(genes)
        chosen = self._choices[np.arange(self._space.num_genes), rows]
        is_active = self._space.active_genes(rows)
        means = {}
        for field in self._space.layout.fields:
            columns = self._space.layout.of_field(field)
            values = chosen[:, columns]
            if field == "depths":
                means[field] = float(values.sum(axis=1).mean())
            else:
                means[field] = float(values[is_active[:, columns]].mean())
        return means
