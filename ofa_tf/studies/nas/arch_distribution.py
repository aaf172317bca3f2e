"""`ArchDistribution`: one categorical distribution for each gene of a search space. Loads NumPy only."""

import functools

import numpy as np

from ofa_tf.space.search_space import SearchSpace


class ArchDistribution:
    """Which choice each gene takes, drawn independently of the others.

    `logits`, float64 `(num_genes, most choices of a gene)`, may be changed in place. What stands behind the choices of
    a gene that has fewer is ignored. At first all choices are equally likely.

    Args:
        space: The search space.
        logits: Logarithms of probabilities, each row but for a constant.

    Reference: ProxylessNAS, Cai et al., ICLR 2019, section 3; TuNAS, Bender et al., CVPR 2020,
    `controller.independent_sample` of its released code.
    """

    def __init__(self, space: SearchSpace, logits: np.ndarray | None = None) -> None:
        self.space = space
        most_choices = int(space.gene_counts.max())
        if logits is None:
            logits = np.zeros((space.num_genes, most_choices))
        self.logits = np.array(logits, np.float64)

    @functools.cached_property
    def is_choice(self) -> np.ndarray:
        """Which entries of the logits belong to a choice, bool of their shape."""
        columns = np.arange(self.logits.shape[1])
        return columns < self.space.gene_counts[:, np.newaxis]

    def log_probabilities(self) -> np.ndarray:
        """Of each choice of each gene, in the shape of the logits; minus infinity where there is none."""
        logits = np.where(self.is_choice, self.logits, -np.inf)
        shifted = logits - logits.max(axis=1, keepdims=True)
        totals = np.exp(shifted).sum(axis=1, keepdims=True)
        return shifted - np.log(totals)

    def probabilities(self) -> np.ndarray:
        """Of each choice of each gene, in the shape of the logits."""
        return np.exp(self.log_probabilities())

    def sample(self, rng: np.random.Generator) -> np.ndarray:
        """Draw the genes of one arch, int32 `(num_genes,)`."""
        # A gene takes its first choice up to which the probabilities add up to more than a number drawn from [0, 1).
        cumulative = self.probabilities().cumsum(axis=1)
        drawn = rng.random((self.space.num_genes, 1))
        num_passed_over = (cumulative <= drawn).sum(axis=1)

        # Rounding may leave the sum of all below 1, and even below the number.
        last_choice = self.space.gene_counts - 1
        genes = np.minimum(num_passed_over, last_choice)
        return genes.astype(np.int32)

    def log_gradient(self, genes: np.ndarray) -> np.ndarray:
        """Gradient of an arch's log probability with respect to the logits.

        Genes of skipped blocks do not change the network, so that nothing is to be learnt about them from it. Their
        gradient is 0 here; on average over what they might have been it is so anyway.

        Args:
            genes: Of the arch, int `(num_genes,)`.
        """
        chosen = np.zeros_like(self.logits)
        chosen[np.arange(len(genes)), genes] = 1.0
        is_active = self.space.active_genes(genes)
        return (chosen - self.probabilities()) * is_active[:, np.newaxis]

    def entropy(self) -> float:
        """How undecided the genes are: their mean entropy as a share of that of equally likely choices."""
        log_probabilities = self.log_probabilities()
        probabilities = np.exp(log_probabilities)
        terms = np.multiply(probabilities, log_probabilities, where=self.is_choice, out=np.zeros_like(probabilities))
        has_choice = self.space.gene_counts > 1
        largest = np.log(self.space.gene_counts[has_choice])
        return float(np.mean(-terms.sum(axis=1)[has_choice] / largest))
