"""Images that all subnets of a simulated supernet are measured on, as in reality: what is hard, is hard for most."""

import dataclasses
import functools
import statistics

import numpy as np

from ofa_tf.data.shares import SEARCH_SHARE
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.space.arch import Arch
from tests.support.simulated_accuracy import SimulatedSupernet

# Shares of the variance of what decides whether an image is recognised. The first is of the image alone. The second is
# shared by near-clones. The rest is of each arch and image alone.
_SHARE_OF_IMAGE = 0.5
_SHARE_OF_CLONES = 0.45

# Over so many genes the part that near-clones share falls to 1/e.
_NUM_GENES_ALIKE = 10
_NUM_WAVES = 128

_NUM_ARCHS_FOR_LUCK = 200


@dataclasses.dataclass
class SimulatedImages:
    """A fixed set of images.

    An image has a difficulty of mean 0 and variance 1: the sum of one that it has for all archs, one that is nearly
    the same for archs which differ in few genes, and one for each arch. An arch gets the image right if the difficulty
    is below the quantile of its true accuracy; so on all images there could be it gets exactly that share right.

    Args:
        supernet: Knows the true accuracies.
        name: Of the set; other sets of the same supernet are independent.
        num_images: Number of images, even.
    """

    supernet: SimulatedSupernet
    name: int
    num_images: int = 1960

    def __post_init__(self) -> None:
        rng = np.random.default_rng((self.supernet.seed, 3, self.name))
        space = self.supernet.space
        self._for_all = rng.normal(size=self.num_images)
        shape = (space.num_genes, int(space.gene_counts.max()), _NUM_WAVES)
        self._frequencies = rng.normal(size=shape) / np.sqrt(_NUM_GENES_ALIKE)
        self._phases = rng.uniform(0, 2 * np.pi, size=_NUM_WAVES)
        self._amplitudes = rng.normal(size=(_NUM_WAVES, self.num_images)).astype(np.float32)

    def measure(self, arch: Arch) -> AccuracyCount:
        """What the arch gets right of the images; the same each time."""
        num_images = self._num_images_of_halves
        first, second = self.count(self.supernet.space.encode(arch)[np.newaxis])[0].tolist()
        return AccuracyCount((first, second), num_images)

    def count(self, genes: np.ndarray) -> np.ndarray:
        """What archs get right in the two halves of the images, `(n, 2)`, of genes `(n, num_genes)`."""
        space = self.supernet.space
        genes = space.canonical_genes(genes)
        quantiles = [statistics.NormalDist().inv_cdf(top1) for top1 in self.supernet.true_top1(genes).tolist()]
        difficulty = np.sqrt(_SHARE_OF_IMAGE) * self._for_all + np.sqrt(_SHARE_OF_CLONES) * self._of_clones(genes)
        share_of_arch = 1 - _SHARE_OF_IMAGE - _SHARE_OF_CLONES
        for row, values in enumerate(genes.tolist()):
            rng = np.random.default_rng((self.supernet.seed, 4, self.name, *values))
            difficulty[row] += np.sqrt(share_of_arch) * rng.normal(size=self.num_images)
        is_right = difficulty < np.array(quantiles)[:, np.newaxis]
        return is_right.reshape(len(genes), 2, -1).sum(axis=2)

    def table_of(self, genes: np.ndarray) -> AccuracyTable:
        """The measured accuracies of archs, of genes `(n, num_genes)`."""
        return AccuracyTable(
            self.supernet.space,
            genes,
            self.count(genes),
            self._num_images_of_halves,
            SEARCH_SHARE,
            "net",
        )

    def table(self, num_archs: int) -> AccuracyTable:
        """The measured accuracies of random archs, those of `SimulatedSupernet.table`."""
        return self.table_of(self.supernet.random_genes(num_archs))

    @functools.cached_property
    def luck_of_all(self) -> float:
        """By how much these images are easier for random archs than others: it puts none before another."""
        genes = self.supernet.space.sample_genes(np.random.default_rng(6), _NUM_ARCHS_FOR_LUCK)
        return float(np.mean(self.table_of(genes).top1 - self.supernet.true_top1(genes)))

    @property
    def _num_images_of_halves(self) -> tuple[int, int]:
        half = self.num_images // 2
        return (half, half)

    def _of_clones(self, genes: np.ndarray) -> np.ndarray:
        """Difficulties that near-clones share, `(n, num_images)`: a Gaussian process over genes, made of waves.

        Reference: Rahimi and Recht, "Random Features for Large-Scale Kernel Machines", 2007.
        """
        columns = np.arange(genes.shape[1])
        angles = self._frequencies[columns, genes].sum(axis=1) + self._phases
        waves = np.cos(angles)
        waves /= np.linalg.norm(waves, axis=1, keepdims=True)
        return np.asarray(waves.astype(np.float32) @ self._amplitudes, float)
