import numpy as np
import pytest

from ofa_tf.search.predictors.prediction import Prediction


def test_a_measurement_pulls_a_prediction_by_its_precision() -> None:
    known = Prediction(np.array([0.7]), np.array([0.01])).combined_with(np.array([0.75]), noise_std=0.02)
    precisions = np.array([1 / 0.01**2, 1 / 0.02**2])
    assert known.mean[0] == pytest.approx(precisions @ [0.7, 0.75] / precisions.sum())
    assert known.std[0] == pytest.approx(precisions.sum() ** -0.5)


def test_certain_measurements_are_taken_as_they_are() -> None:
    known = Prediction(np.array([0.7, 0.7]), np.array([0.01, 0.0])).combined_with(np.array([0.75, 0.8]), noise_std=0)
    np.testing.assert_allclose(known.mean, [0.75, 0.8])
    np.testing.assert_allclose(known.std, 0)


def test_errors_that_both_share_do_not_even_out() -> None:
    prediction = Prediction(np.full(50_000, 0.7), np.full(50_000, 0.01))
    covariance = np.array([[0.01**2, 0.00006], [0.00006, 0.02**2]])
    errors = np.random.default_rng(0).multivariate_normal([0, 0], covariance, size=50_000)
    predicted, measured = 0.7 + errors.T
    known = Prediction(predicted, prediction.std).combined_with(measured, 0.02, shared_variance=0.00006)
    # The best of all weighted means, by trying them.
    mean_squares = [np.mean((weight * errors[:, 1] + (1 - weight) * errors[:, 0]) ** 2) for weight in np.linspace(0, 1)]
    assert np.mean((known.mean - 0.7) ** 2) == pytest.approx(min(mean_squares), rel=0.01)
    assert known.std[0] == pytest.approx(np.sqrt(min(mean_squares)), rel=0.02)


@pytest.mark.parametrize("shared_variance", [0.0001, 0.001])
def test_what_knows_nothing_of_its_own_adds_nothing(shared_variance: float) -> None:
    known = Prediction(np.array([0.7]), np.array([0.01])).combined_with(np.array([0.75]), 0.02, shared_variance)
    assert known.mean[0] == pytest.approx(0.7)
    assert known.std[0] == pytest.approx(0.01)


def test_estimates_of_the_best_measured_archs_are_not_too_high_where_the_measured_ones_are() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.normal(0.7, 0.01, size=20_000)
    true = predicted + rng.normal(0, 0.005, size=20_000)
    measured = true + rng.normal(0, 0.008, size=20_000)
    known = Prediction(predicted, np.full(20_000, 0.005)).combined_with(measured, 0.008)
    for chosen_by, expected in ((measured, None), (known.mean, 0)):
        best = np.argsort(-chosen_by)[:200]
        too_high = np.mean(chosen_by[best] - true[best])
        if expected is None:
            assert too_high > 0.005
        else:
            assert abs(too_high) < 0.001
