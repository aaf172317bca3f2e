import numpy as np
import pytest

from ofa_tf.search.noise import estimate_noise_std


def _measure(rng: np.random.Generator, num_archs: int, num_images: tuple[int, int], shared: float) -> np.ndarray:
    """Subnets that are right about an image with probability 0.7; of `shared` of the images, all or none."""
    columns = []
    for count in num_images:
        num_shared = round(shared * count)
        num_right_for_all = rng.binomial(num_shared, 0.7)
        columns.append(num_right_for_all + rng.binomial(count - num_shared, 0.7, size=num_archs))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("num_images", [(500, 500), (250, 750)])
def test_it_is_the_standard_deviation_of_a_share_where_nothing_is_shared(num_images: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    estimates = [estimate_noise_std(_measure(rng, 200, num_images, 0), num_images) for _ in range(20)]
    # The estimate is cut off at the binomial value, so that its mean lies a little below it.
    assert np.mean(estimates) == pytest.approx(np.sqrt(0.7 * 0.3 / 1000), rel=0.05)


def test_images_that_are_hard_for_all_do_not_count() -> None:
    rng = np.random.default_rng(0)
    num_images = (500, 500)
    estimates = [estimate_noise_std(_measure(rng, 200, num_images, 0.8), num_images) for _ in range(20)]
    among_subnets = np.sqrt(200 * 0.7 * 0.3) / 1000
    assert np.mean(estimates) == pytest.approx(among_subnets, rel=0.05)


def test_true_differences_of_subnets_do_not_count() -> None:
    rng = np.random.default_rng(0)
    top1 = rng.uniform(0.5, 0.9, size=2000)
    counts = rng.binomial(500, top1[:, np.newaxis], size=(2000, 2))
    expected = np.sqrt(np.mean(top1 * (1 - top1)) / 1000)
    assert estimate_noise_std(counts, (500, 500)) == pytest.approx(expected, rel=0.06)


def test_an_empty_half_or_one_subnet_gives_the_binomial_value() -> None:
    assert estimate_noise_std(np.array([[70, 0], [70, 0]]), (100, 0)) == pytest.approx(np.sqrt(0.7 * 0.3 / 100))
    assert estimate_noise_std(np.array([[30, 40]]), (50, 50)) == pytest.approx(np.sqrt(0.7 * 0.3 / 100))
