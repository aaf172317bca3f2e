"""How far measured accuracies of subnets are from the true ones by chance."""

import numpy as np


def estimate_noise_std(num_correct: np.ndarray, num_images: tuple[int, int]) -> float:
    """Standard deviation of measured accuracies due to the choice of the images, from two halves of these.

    All subnets are measured on the same images, and what makes these hard or easy makes them so for all: it does not
    put one subnet before another, and does not count here. What counts is how the accuracies of a subnet differ
    between the halves, beyond how they differ for all subnets.

    It is at most what independent images would give (a binomial distribution), and with few archs an estimate only.

    Args:
        num_correct: Images that each subnet gets right in the two halves, `(n, 2)`, of at least two subnets.
        num_images: Images in each half.

    Returns:
        In units of accuracy.

    Reference: the split-half method of test theory (Spearman, 1910; Brown, 1910).
    """
    first, second = num_images
    total = first + second
    top1 = num_correct.sum(axis=1) / total
    binomial_variance = np.mean(top1 * (1 - top1)) / total
    if min(num_images) == 0 or len(num_correct) < 2:
        return float(np.sqrt(binomial_variance))

    in_halves = num_correct / num_images
    difference = in_halves[:, 0] - in_halves[:, 1]
    variance_of_difference = np.var(difference, ddof=1)
    # With s^2 the variance of a single image, the difference has s^2 / a + s^2 / b, and the accuracy s^2 / (a + b).
    variance = variance_of_difference * first * second / total**2
    return float(np.sqrt(min(variance, binomial_variance)))
