"""`MlpEnsemblePredictor`: accuracies from several small neural networks."""

import dataclasses
import warnings
from typing import Any, ClassVar

import numpy as np

from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.features import ScaledTable, StandardFeatures
from ofa_tf.search.predictors.prediction import Prediction

MIN_ARCHS_FOR_MLP = 1000

_NUM_MEMBERS = 3
_HIDDEN_UNITS = (400, 400, 400)
_LEARNING_RATE = 1e-3
_NUM_EPOCHS = 60
_BATCH_SIZE = 64
_WEIGHT_DECAY = 1e-2


@dataclasses.dataclass(frozen=True)
class MlpEnsemblePredictor:
    """The paper's accuracy predictor, three times: perceptrons with three hidden layers of 400 units.

    They begin with other weights, and each is fitted to another sample of the archs, drawn with replacement. How
    far they disagree is how unsure they are. Worth it for tables of a thousand archs and more.

    Args:
        features: What it sees of archs.
        members: The fitted networks, scikit-learn's `MLPRegressor`.
        misfit_variance: Mean square of the error of a member on the archs that it was not fitted to, less the noise of
            measurements; of accuracies as they are scaled. That of the mean of the members is smaller; but only one
            arch of twenty is left out by all three, too few to tell by how much.
        mean_top1: Of the measured archs.
        std_top1: The same, standard deviation.

    `num_folds` is in how many parts cross-validation cuts a table, as fitting takes long.

    Reference: Once-for-All, section 3.4; Lakshminarayanan et al., "Simple and Scalable Predictive Uncertainty
    Estimation using Deep Ensembles", NeurIPS 2017, for the error bars; Breiman, "Bagging Predictors", 1996.
    """

    num_folds: ClassVar[int] = 3

    features: StandardFeatures
    members: tuple[Any, ...]
    misfit_variance: float
    mean_top1: float
    std_top1: float

    @classmethod
    def fit(cls, table: AccuracyTable) -> "MlpEnsemblePredictor":
        """Fit to a table."""
        scaled = ScaledTable.of(table)
        inputs = scaled.inputs.astype(np.float32)
        targets = scaled.targets.astype(np.float32)

        rng = np.random.default_rng(0)
        num_archs = len(targets)
        members = []
        squared_errors = []
        for number in range(_NUM_MEMBERS):
            drawn = rng.integers(num_archs, size=num_archs)
            member = _fit_member(inputs[drawn], targets[drawn], seed=number)
            members.append(member)

            is_left_out = np.ones(num_archs, bool)
            is_left_out[drawn] = False
            errors = member.predict(inputs[is_left_out]) - targets[is_left_out]
            squared_errors.append(np.mean(errors**2))

        return cls(
            features=scaled.features,
            members=tuple(members),
            misfit_variance=max(0.0, float(np.mean(squared_errors)) - scaled.noise_variance),
            mean_top1=scaled.mean_top1,
            std_top1=scaled.std_top1,
        )

    def refit(self, table: AccuracyTable) -> "MlpEnsemblePredictor":
        """Fit to a part of the table."""
        return self.fit(table)

    def predict(self, genes: np.ndarray) -> Prediction:
        """Predicted top-1 accuracies of `n` archs, for genes `(n, num_genes)`."""
        inputs = self.features.encode(genes).astype(np.float32)
        answers = np.stack([member.predict(inputs) for member in self.members])
        answers = answers.astype(np.float64)
        mean = answers.mean(axis=0)

        # Members that agree may be wrong together: error bars are no narrower than the error of a member usually is.
        # That is too wide on average, which cross-validation corrects.
        disagreement = answers.var(axis=0)
        variance = np.maximum(disagreement, self.misfit_variance)
        std = np.sqrt(variance)

        return Prediction(
            mean=self.mean_top1 + self.std_top1 * mean,
            std=self.std_top1 * std,
        )


def _fit_member(inputs: np.ndarray, targets: np.ndarray, seed: int) -> Any:
    """A network, fitted to float32 `inputs` `(n, num_features)` and `targets` `(n,)`."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    network = MLPRegressor(
        hidden_layer_sizes=_HIDDEN_UNITS,
        alpha=_WEIGHT_DECAY,
        batch_size=min(_BATCH_SIZE, len(targets)),
        learning_rate_init=_LEARNING_RATE,
        max_iter=_NUM_EPOCHS,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # The number of epochs is fixed: it need not have converged.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return network.fit(inputs, targets)
