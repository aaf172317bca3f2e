"""A search space whose archs can be enumerated."""

import itertools

import numpy as np

from ofa_tf.space.blocks.stage import Stage
from ofa_tf.space.search_space import SearchSpace

# 2 image sizes, 2 depths, and 2 blocks with 2 kernel sizes and 3 expand ratios each: 144 gene vectors.
LEAN = SearchSpace(
    name="lean",
    image_sizes=(16, 20),
    stem_width=8,
    stem_stride=2,
    first_width=8,
    stages=(Stage(8, 1, "relu", True, (1, 2), (3, 5), (2, 3, 4)),),
    feature_width=16,
    head_width=16,
)


def all_genes(space: SearchSpace = LEAN) -> np.ndarray:
    """The genes of all archs, equal networks included, int32 `(n, num_genes)`."""
    choices = [range(count) for count in space.gene_counts]
    return np.array(list(itertools.product(*choices)), np.int32)
