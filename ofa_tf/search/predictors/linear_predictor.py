"""`LinearPredictor`: accuracies from a weighted sum of features."""

import dataclasses

import numpy as np

from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.features import StandardFeatures
from ofa_tf.search.predictors.prediction import Prediction


@dataclasses.dataclass(frozen=True)
class LinearPredictor:
    """Bayesian ridge regression from the features of an arch to its top-1 accuracy.

    The data decide how strongly weights are pulled to zero, and how sure they are. It is the one that
    needs the fewest measured subnets, and the fastest.

    Args:
        features: What it sees of archs.
        weights: Of the features, float `(num_features,)`.
        offset: Accuracy that is predicted where all features are 0.
        covariance: Of the weights, float `(num_features, num_features)`.
        misfit_variance: Mean square of what is left of true accuracies, as they are not linear.

    Reference: MacKay, "Bayesian Interpolation", 1992, as scikit-learn's `BayesianRidge` implements it.
    """

    features: StandardFeatures
    weights: np.ndarray
    offset: float
    covariance: np.ndarray
    misfit_variance: float

    @classmethod
    def fit(cls, table: AccuracyTable) -> "LinearPredictor":
        """Fit to a table."""
        from sklearn.linear_model import BayesianRidge

        features = StandardFeatures.of(table.space, table.genes)
        model = BayesianRidge().fit(features.encode(table.genes), table.top1)
        # What the model takes for noise is noise of the measurements, which is known, and misfit.
        unexplained_variance = 1 / model.alpha_
        return cls(
            features=features,
            weights=model.coef_,
            offset=float(model.intercept_),
            covariance=model.sigma_,
            misfit_variance=max(0.0, unexplained_variance - table.noise_std**2),
        )

    def refit(self, table: AccuracyTable) -> "LinearPredictor":
        """Fit to a part of the table."""
        return self.fit(table)

    def predict(self, genes: np.ndarray) -> Prediction:
        """Predicted top-1 accuracies of `n` archs, for genes `(n, num_genes)`."""
        features = self.features.encode(genes)
        mean = features @ self.weights + self.offset
        variance_of_sum = np.einsum("nf,nf->n", features @ self.covariance, features)
        return Prediction(mean, np.sqrt(variance_of_sum + self.misfit_variance))
