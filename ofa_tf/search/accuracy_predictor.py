"""`AccuracyPredictor`: the accuracy of any subnet, from a measured sample."""

import dataclasses
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.base.rank_correlation import rank_correlation
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.space.search_space import SearchSpace

MIN_ENTRIES = 10  # of an accuracy table, to fit anything
_FOLDS = 5
_ALPHAS = np.logspace(-2, 3, 16)


@dataclasses.dataclass(frozen=True)
class AccuracyPredictor:
    """Ridge regression from the choices of an arch to its top-1 accuracy.

    With some tens or hundreds of measured subnets a linear model is the one
    that does not overfit; the paper's three-layer perceptron had 16,000.

    Args:
        space: Search space.
        weights: float `(num_features,)`.
        offset: Accuracy of the mean arch.
        report: Cross-validated quality: `rmse`, `rank_correlation`, `num_archs`.

    Reference: Once-for-All, section 3.4 (the features: one-hot kernel size and
    expand ratio of each block, zeros for skipped ones, and the image size).
    """

    space: SearchSpace
    weights: np.ndarray
    offset: float
    report: dict[str, Any]

    @classmethod
    def fit(cls, table: AccuracyTable) -> "AccuracyPredictor":
        """Fit to a table; the ridge penalty is chosen by cross-validation.

        Raises:
            InputError: If the table has fewer than 10 entries.
        """
        from sklearn.linear_model import RidgeCV
        from sklearn.model_selection import KFold, cross_val_predict

        if len(table.top1) < MIN_ENTRIES:
            raise InputError(
                f"Expected an accuracy table of at least {MIN_ENTRIES} archs. Received: {len(table.top1)}. "
                "Measure more: tools/build_accuracy_table.py --num_archs=100."
            )
        features = encode_features(table.space, table.genes)
        model = RidgeCV(_ALPHAS).fit(features, table.top1)
        folds = KFold(_FOLDS, shuffle=True, random_state=0)
        predicted = cross_val_predict(RidgeCV(_ALPHAS), features, table.top1, cv=folds)
        report = {
            "num_archs": len(table.top1),
            "rmse": float(np.sqrt(np.mean((predicted - table.top1) ** 2))),
            "rank_correlation": rank_correlation(predicted, table.top1),
        }
        return cls(table.space, model.coef_, float(model.intercept_), report)

    def predict(self, genes: np.ndarray) -> np.ndarray:
        """Predicted top-1 accuracy: float `(n,)` for genes `(n, num_genes)`."""
        return encode_features(self.space, genes) @ self.weights + self.offset


def encode_features(space: SearchSpace, genes: np.ndarray) -> np.ndarray:
    """One-hot choices of each active block, and of what is not of a block: float `(n, num_features)`."""
    genes = np.asarray(genes)
    present = np.ones(genes.shape, bool)
    active = space.active_blocks(genes)
    for of_blocks in (space.kernel_genes, space.expand_genes):
        if of_blocks.stop > of_blocks.start:
            present[:, of_blocks] = active
    # A depth shows in which blocks are active.
    told = [gene for gene in range(space.num_genes) if gene not in range(space.num_genes)[space.depth_genes]]
    columns = [_one_hot(genes[:, gene], space.gene_counts[gene]) * present[:, gene, None] for gene in told]
    return np.concatenate(columns, axis=1)


def _one_hot(indices: np.ndarray, num: int) -> np.ndarray:
    return (indices[:, None] == np.arange(num)).astype(float)
