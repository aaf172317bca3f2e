"""`Prediction`: accuracies with error bars, and what becomes of them once something is measured."""

import dataclasses

import numpy as np

# Of a standard normal distribution: 5% lie above, so that an error bar of this many standard deviations to either
# side holds 90%.
NUM_STDS_OF_90_PERCENT = 1.645


def noise_of_difference(noise_std: float) -> float:
    """By how much measured accuracies of two archs differ by chance at most, in 9 of 10 cases.

    Args:
        noise_std: Standard deviation of one of them from the true one.
    """
    return float(NUM_STDS_OF_90_PERCENT * np.sqrt(2) * noise_std)


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What is known of the accuracies of some archs.

    Args:
        mean: Expected top-1 accuracies, float `(n,)`. They should lie in [0, 1], but may leave it
            a little, as a linear model's do.
        std: Standard deviation, from these, of the true accuracies but for the luck that all archs share, float
            `(n,)`: by how much the images of the accuracy table are easier or harder for all archs than others is not
            in it, as it puts no arch before another. Nor is what a measurement of one arch would add, as it is made
            on few images.
    """

    mean: np.ndarray
    std: np.ndarray

    def __len__(self) -> int:
        return len(self.mean)

    def rows(self, index: np.ndarray) -> "Prediction":
        """The predictions of some of the archs; `index` is anything that indexes an array."""
        return Prediction(self.mean[index], self.std[index])

    def scaled(self, factor: float | np.ndarray) -> "Prediction":
        """The same with error bars of another width, by one factor for all or one for each, `(n,)`."""
        return Prediction(self.mean, factor * self.std)

    def capped(self) -> "Prediction":
        """The same as it is told: no accuracy is above 1. To be compared with each other, archs keep theirs."""
        return Prediction(np.minimum(self.mean, 1.0), self.std)

    def widened(self, std: float) -> "Prediction":
        """The same with a further error, independent of what is in the error bars, of a given standard deviation."""
        return Prediction(self.mean, np.hypot(self.std, std))

    def combined_with(self, top1: np.ndarray, noise_std: float, shared_variance: float = 0.0) -> "Prediction":
        """What is known after a measurement: the mean of both, each weighted by its precision.

        A measurement alone is too optimistic where it was picked for being high; the prediction pulls
        it back, the more so the noisier the measurement is. ("Precision" is the statistician's word: one
        over the variance.)

        Where a part of both errors is the same, that part is in each of them and in their mean.

        Args:
            top1: Measured accuracies of the same archs, `(n,)`.
            noise_std: Standard deviation of these from the true ones.
            shared_variance: Covariance of the errors of prediction and measurement.

        Reference: Gelman et al., "Bayesian Data Analysis", section 2.5 (normal mean with known variance); Bates and
            Granger, "The Combination of Forecasts", 1969, for errors that are correlated.
        """
        variance = self.std**2
        noise_variance = noise_std**2
        shared = np.clip(shared_variance, 0, np.minimum(variance, noise_variance))
        own_variance = variance - shared
        own_noise_variance = noise_variance - shared
        total = own_variance + own_noise_variance
        # Where both are certain, or all of their errors is the same, the measurement is taken.
        weight = np.divide(own_variance, total, out=np.ones_like(variance), where=total > 0)
        mean = self.mean + weight * (top1 - self.mean)
        return Prediction(mean, np.sqrt(shared + weight * own_noise_variance))
