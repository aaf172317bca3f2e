"""Accuracy tables made by formulas."""

import numpy as np

from ofa_tf.data.shares import SEARCH_SHARE
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.space.search_space import SearchSpace

# So many that rounding an accuracy to a whole number of them changes nothing that a test looks at.
_NUM_IMAGES = (10**9, 10**9)


def table_of(
    space: SearchSpace, genes: np.ndarray, top1: np.ndarray, num_images: tuple[int, int] = _NUM_IMAGES
) -> AccuracyTable:
    """The table by which archs have given accuracies, equal in both halves of the images.

    Args:
        space: Search space.
        genes: `(n, num_genes)`.
        top1: In [0, 1], `(n,)`.
        num_images: Images in each half.
    """
    num_correct = np.rint(np.asarray(top1)[:, np.newaxis] * num_images).astype(np.int64)
    return AccuracyTable(space, genes, num_correct, num_images, SEARCH_SHARE, "net")
