"""What an accuracy predictor sees of an arch: numbers instead of choices."""

import dataclasses
import functools

import numpy as np

from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.space import costs
from ofa_tf.space.search_space import SearchSpace

_MIN_NOISE_VARIANCE = 1e-6

# MACs without the classifier, which is the same for all subnets but for its width.
_NUM_CLASSES_OF_MACS = 1


def encode_features(space: SearchSpace, genes: np.ndarray) -> np.ndarray:
    """Numbers that describe archs, as the input of a predictor.

    In this order: the image size and its square, as accuracy rises with it ever more slowly; each choice
    of each block (kernel size, expand ratio and others), 0 where the block is skipped; whether each block
    that can be skipped is there; the network's other choices, such as its width multipliers; and the
    logarithm of the MACs and its square.

    Choices are numbers from -0.5 to 0.5 in equal steps. A column for each choice (the one-hot features of
    Once-for-All, section 3.4) makes more columns than some tens or hundreds of measured subnets can teach:
    25 for the image size alone.

    Equal networks have equal features.

    Args:
        space: Search space.
        genes: `(n, num_genes)`.

    Returns:
        float `(n, num_features)`.
    """
    genes = np.asarray(genes)
    columns = _find_columns(space)
    choices = genes / np.maximum(space.gene_counts - 1, 1) - 0.5
    is_present = space.active_blocks(genes)

    size = choices[:, space.image_size_gene, np.newaxis]
    features = [size, size**2]
    for block_genes in space.block_genes:
        features.append(choices[:, block_genes] * is_present)
    features.append(is_present[:, columns.skippable_blocks] - 0.5)
    features.append(choices[:, columns.other_genes])
    num_macs = costs.num_macs(space, genes, _NUM_CLASSES_OF_MACS)
    log_macs = np.log(num_macs / columns.largest_num_macs)[:, np.newaxis]
    features += [log_macs, log_macs**2]
    return np.concatenate(features, axis=1)


@dataclasses.dataclass(frozen=True)
class _Columns:
    """Which genes and blocks of a space become columns of their own.

    Args:
        skippable_blocks: Indices of the blocks that some depth skips.
        other_genes: Indices of the genes that are neither of a block nor a depth nor the image size.
        largest_num_macs: Of the largest subnet.
    """

    skippable_blocks: np.ndarray
    other_genes: np.ndarray
    largest_num_macs: int


@functools.lru_cache(maxsize=16)
def _find_columns(space: SearchSpace) -> _Columns:
    shallowest = np.zeros(space.num_genes, np.int32)
    is_skippable = ~space.active_blocks(shallowest)

    is_other = np.ones(space.num_genes, bool)
    is_other[space.image_size_gene] = False
    is_other[space.depth_genes] = False
    for block_genes in space.block_genes:
        is_other[block_genes] = False
    return _Columns(
        skippable_blocks=np.flatnonzero(is_skippable),
        other_genes=np.flatnonzero(is_other),
        largest_num_macs=costs.num_macs(space, space.largest(), _NUM_CLASSES_OF_MACS),
    )


@dataclasses.dataclass(frozen=True)
class StandardFeatures:
    """Features of archs, shifted and scaled so that those of a sample have mean 0 and standard deviation 1.

    Args:
        space: Search space.
        mean: Of each feature in the sample, `(num_features,)`.
        scale: Standard deviation of each there, `(num_features,)`; 1 where it would be 0.
    """

    space: SearchSpace
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, space: SearchSpace, genes: np.ndarray) -> "StandardFeatures":
        """Take a sample of genes, `(n, num_genes)`, for the standard."""
        features = encode_features(space, genes)
        scale = features.std(axis=0)
        # Rounding makes the deviation of equal numbers a little more than 0.
        is_constant = np.ptp(features, axis=0) == 0
        return cls(space, features.mean(axis=0), np.where(is_constant, 1.0, scale))

    def encode(self, genes: np.ndarray) -> np.ndarray:
        """Standardized features, float `(n, num_features)`, of genes `(n, num_genes)`."""
        return (encode_features(self.space, genes) - self.mean) / self.scale


@dataclasses.dataclass(frozen=True)
class ScaledTable:
    """An accuracy table as numbers that suit any regression: features and accuracies of mean 0 and deviation 1.

    Args:
        features: What makes features of genes.
        inputs: Those of the archs of the table, `(n, num_features)`.
        targets: Their scaled accuracies, `(n,)`.
        noise_variance: Of the noise of measurements, in the square of the scaled unit; a little above 0.
        mean_top1: What was taken off the accuracies.
        std_top1: What they were divided by: their standard deviation, or that of their noise where it is larger.
    """

    features: StandardFeatures
    inputs: np.ndarray
    targets: np.ndarray
    noise_variance: float
    mean_top1: float
    std_top1: float

    @classmethod
    def of(cls, table: AccuracyTable) -> "ScaledTable":
        """Scale a table."""
        features = StandardFeatures.of(table.space, table.genes)
        mean_top1 = float(table.top1.mean())
        # Accuracies that are all equal differ at least as much as chance and counting let them.
        least_std = max(table.noise_std, 1 / sum(table.num_images))
        std_top1 = max(float(table.top1.std()), least_std)
        return cls(
            features=features,
            inputs=features.encode(table.genes),
            targets=(table.top1 - mean_top1) / std_top1,
            noise_variance=max((table.noise_std / std_top1) ** 2, _MIN_NOISE_VARIANCE),
            mean_top1=mean_top1,
            std_top1=std_top1,
        )
