"""`GaussianProcessPredictor`: accuracies from those of similar archs."""

import dataclasses
import warnings

import numpy as np

from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.features import ScaledTable, StandardFeatures
from ofa_tf.search.predictors.prediction import Prediction

# The time for a fit grows with the third power of the number of archs. What is learned about the kind of function
# is learned from so many; all of them count in predictions, up to the second number.
_MAX_ARCHS_FOR_KERNEL = 200
MAX_ARCHS_FOR_GAUSSIAN_PROCESS = 1000

# Fewer archs do not tell which kernel is likeliest. They get a smooth one: nearly linear, and bent enough for
# accuracies that saturate.
_MIN_ARCHS_FOR_KERNEL = 50
_SMOOTH_LENGTH_SCALE = 2.0  # of the typical distance between archs
_SMOOTH_VARIANCE = 4.0  # of the variance of true accuracies, as only a part of the function is seen at that distance
_SMOOTH_MISFIT = 0.05
_MIN_TRUE_SHARE = 0.2  # of the variance of accuracies that is not noise, where noise seems to be all

# Accuracies are scaled to a standard deviation of 1, so that these are shares of their variance.
_VARIANCE_BOUNDS = (1e-2, 1e3)
_MISFIT_BOUNDS = (1e-4, 1.0)


@dataclasses.dataclass(frozen=True)
class Kernel:
    """How alike the accuracies of two archs are: `variance * exp(-distance^2 / (2 length_scale^2))`.

    Args:
        variance: Of the smooth function, as a share of that of the accuracies.
        length_scale: Distance between standardized features over which accuracies are alike.
        misfit_variance: Of the deviation of each arch of its own, of which no other arch tells anything; a share
            as well.
    """

    variance: float
    length_scale: float
    misfit_variance: float

    def covariance(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Of the smooth function: `(n, m)` of features `(n, num_features)` and `(m, num_features)`."""
        squares = np.square(first).sum(axis=1)[:, np.newaxis] + np.square(second).sum(axis=1)
        squared_distances = squares - 2 * first @ second.T
        return self.variance * np.exp(-0.5 * squared_distances / self.length_scale**2)


@dataclasses.dataclass(frozen=True)
class GaussianProcessPredictor:
    """A Gaussian process over the features of an arch.

    Its kernel is a smooth function (RBF) plus a deviation of each arch of its own. Unlike a linear model it learns
    that two choices are worth more together than each alone.

    Args:
        features: What it sees of archs.
        known: Features of the measured archs, `(m, num_features)`.
        kernel: Of the accuracies, shifted and scaled to mean 0 and standard deviation 1.
        weights: Of the measured archs in the mean, `(m,)`.
        root: Inverse of the Cholesky factor of the covariance of the measured archs, `(m, m)`.
        mean_top1: Of the measured archs.
        std_top1: The same, standard deviation.

    Reference: Rasmussen and Williams, "Gaussian Processes for Machine Learning", algorithm 2.1.
    """

    features: StandardFeatures
    known: np.ndarray
    kernel: Kernel
    weights: np.ndarray
    root: np.ndarray
    mean_top1: float
    std_top1: float

    @classmethod
    def fit(cls, table: AccuracyTable) -> "GaussianProcessPredictor":
        """Fit to a table; of a large one, to a sample of `MAX_ARCHS_FOR_GAUSSIAN_PROCESS`."""
        table = _sample_of(table, MAX_ARCHS_FOR_GAUSSIAN_PROCESS)
        scaled = ScaledTable.of(table)
        return cls._condition(table, scaled, _choose_kernel(scaled))

    def refit(self, table: AccuracyTable) -> "GaussianProcessPredictor":
        """Fit to a part of the table, with the kernel as it is."""
        table = _sample_of(table, MAX_ARCHS_FOR_GAUSSIAN_PROCESS)
        return self._condition(table, ScaledTable.of(table), self.kernel)

    @classmethod
    def _condition(cls, table: AccuracyTable, scaled: ScaledTable, kernel: Kernel) -> "GaussianProcessPredictor":
        covariance = kernel.covariance(scaled.inputs, scaled.inputs)
        covariance[np.diag_indices_from(covariance)] += kernel.misfit_variance + scaled.noise_variance
        root = np.linalg.inv(np.linalg.cholesky(covariance))
        return cls(
            features=scaled.features,
            known=scaled.inputs,
            kernel=kernel,
            weights=root.T @ (root @ scaled.targets),
            root=root,
            mean_top1=scaled.mean_top1,
            std_top1=scaled.std_top1,
        )

    def predict(self, genes: np.ndarray) -> Prediction:
        """Predicted top-1 accuracies of `n` archs, for genes `(n, num_genes)`."""
        inputs = self.features.encode(genes)
        covariance = self.kernel.covariance(inputs, self.known)
        mean = covariance @ self.weights

        explained_variance = np.square(covariance @ self.root.T).sum(axis=1)
        # Rounding may take a little more away than there is.
        unexplained_variance = np.maximum(self.kernel.variance - explained_variance, 0)
        std = np.sqrt(unexplained_variance + self.kernel.misfit_variance)

        return Prediction(
            mean=self.mean_top1 + self.std_top1 * mean,
            std=self.std_top1 * std,
        )


def _sample_of(table: AccuracyTable, num_archs: int) -> AccuracyTable:
    """The table, or so many of its archs."""
    if len(table.top1) <= num_archs:
        return table
    chosen = np.random.default_rng(0).permutation(len(table.top1))[:num_archs]
    return table.rows(np.sort(chosen))


def _choose_kernel(scaled: ScaledTable) -> Kernel:
    # Standardized features of two archs are about this far apart.
    typical_distance = float(np.sqrt(2 * scaled.inputs.shape[1]))
    if len(scaled.targets) >= _MIN_ARCHS_FOR_KERNEL:
        return _fit_kernel(scaled, typical_distance)
    true_share = max(_MIN_TRUE_SHARE, 1 - scaled.noise_variance)
    return Kernel(
        variance=_SMOOTH_VARIANCE * true_share,
        length_scale=_SMOOTH_LENGTH_SCALE * typical_distance,
        misfit_variance=_SMOOTH_MISFIT,
    )


def _fit_kernel(scaled: ScaledTable, typical_distance: float) -> Kernel:
    """The kernel under which the accuracies are likeliest."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    inputs = scaled.inputs[:_MAX_ARCHS_FOR_KERNEL]
    targets = scaled.targets[:_MAX_ARCHS_FOR_KERNEL]
    length_scales = (0.1 * typical_distance, 100 * typical_distance)
    smooth = ConstantKernel(1.0, _VARIANCE_BOUNDS) * RBF(typical_distance, length_scales)
    kernel = smooth + WhiteKernel(0.1, _MISFIT_BOUNDS)
    process = GaussianProcessRegressor(kernel, alpha=scaled.noise_variance)
    with warnings.catch_warnings():
        # A bound that is reached is an answer: accuracies that are linear, or without misfit.
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(inputs, targets)
    likeliest = process.kernel_
    return Kernel(
        variance=float(likeliest.k1.k1.constant_value),
        length_scale=float(likeliest.k1.k2.length_scale),
        misfit_variance=float(likeliest.k2.noise_level),
    )
