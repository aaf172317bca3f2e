"""A supernet that is a formula: true accuracies are known, and measurements are drawn."""

import dataclasses

import numpy as np

from ofa_tf.data.shares import SEARCH_SHARE
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_macs
from ofa_tf.space.search_space import SearchSpace

_NUM_CLASSES = 10
_NUM_PAIRS = 40
_NUM_OWN_DEVIATIONS = 997


@dataclasses.dataclass
class SimulatedSupernet:
    """Accuracies that rise with MACs and choices ever more slowly, with effects of pairs, and a deviation of each arch.

    Args:
        space: Search space.
        seed: Decides everything.
        mean: Of the accuracies of random archs.
        spread: Their standard deviation.
        own_spread: Standard deviation of what no other arch tells of one.
        num_images: On which archs are measured.
    """

    space: SearchSpace
    seed: int = 0
    mean: float = 0.75
    spread: float = 0.0091
    own_spread: float = 0.002
    num_images: int = 2930

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        num_genes = self.space.num_genes
        self._weights = np.abs(rng.normal(size=num_genes))
        self._pairs = rng.integers(num_genes, size=(_NUM_PAIRS, 2))
        self._pair_weights = 0.3 * rng.normal(size=_NUM_PAIRS)
        self._own_deviations = self.own_spread * rng.normal(size=_NUM_OWN_DEVIATIONS)
        self._images = np.random.default_rng((self.seed, 1))
        sample = self.space.sample_genes(np.random.default_rng(99), 2000)
        of_choices, of_macs = self._raw(sample)
        self._centers = (of_choices.mean(), of_macs.mean())
        self._scales = (of_choices.std(), of_macs.std())

    def true_top1(self, genes: np.ndarray) -> np.ndarray:
        """Top-1 accuracies on all images there could be, `(n,)`, of genes `(n, num_genes)`."""
        of_choices, of_macs = self._raw(genes)
        from_choices = (of_choices - self._centers[0]) / self._scales[0]
        from_macs = (of_macs - self._centers[1]) / self._scales[1]
        score = 0.6 * from_choices + 0.8 * from_macs
        smooth = self.mean + self.spread * (score - 0.1 * score**2)
        primes = (31 * np.arange(self.space.num_genes) + 7) ** 2
        own = self.space.canonical_genes(genes) @ primes % _NUM_OWN_DEVIATIONS
        return smooth + self._own_deviations[own]

    def measure(self, arch: Arch) -> AccuracyCount:
        """What the arch gets right of images that are drawn anew."""
        genes = self.space.encode(arch)
        true_top1 = self.true_top1(genes[np.newaxis])[0]
        half = self.num_images // 2
        first, second = self._images.binomial(half, true_top1, size=2).tolist()
        return AccuracyCount((first, second), (half, half))

    def table(self, num_archs: int) -> AccuracyTable:
        """The measured accuracies of random archs, the same at each call."""
        rng = np.random.default_rng((self.seed, 2))
        genes = self._sample(rng, num_archs)
        half = self.num_images // 2
        true_top1 = self.true_top1(genes)[:, np.newaxis]
        num_correct = rng.binomial(half, true_top1, size=(num_archs, 2))
        return AccuracyTable(self.space, genes, num_correct, (half, half), SEARCH_SHARE, "net")

    def random_genes(self, num_archs: int) -> np.ndarray:
        """Canonical genes of the archs that are in `table`, `(num_archs, num_genes)`."""
        return self._sample(np.random.default_rng((self.seed, 2)), num_archs)

    def _sample(self, rng: np.random.Generator, num_archs: int) -> np.ndarray:
        return self.space.canonical_genes(self.space.sample_genes(rng, num_archs))

    def _raw(self, genes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        canonical = self.space.canonical_genes(genes)
        choices = canonical / np.maximum(self.space.gene_counts - 1, 1)
        of_genes = np.sqrt(choices) @ self._weights
        first, second = self._pairs.T
        of_pairs = (choices[:, first] * choices[:, second]) @ self._pair_weights
        return of_genes + of_pairs, np.log(num_macs(self.space, genes, _NUM_CLASSES))
