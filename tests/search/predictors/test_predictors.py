"""What holds for every accuracy predictor; what is special about one follows."""

import numpy as np
import pytest

from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.accuracy_predictor import AccuracyPredictor
from ofa_tf.search.predictors.gaussian_process_predictor import GaussianProcessPredictor
from ofa_tf.search.predictors.linear_predictor import LinearPredictor
from ofa_tf.search.predictors.mlp_ensemble_predictor import MlpEnsemblePredictor
from ofa_tf.space.presets import get_search_space
from tests.support.accuracies import table_of
from tests.support.simulated_accuracy import SimulatedSupernet

_SPACE = get_search_space("mobilenet_v3_tiny")

_KINDS = [LinearPredictor, GaussianProcessPredictor, MlpEnsemblePredictor]


@pytest.fixture(scope="module", params=_KINDS)
def kind(request: pytest.FixtureRequest) -> type[AccuracyPredictor]:
    return request.param


@pytest.fixture(scope="module")
def supernet() -> SimulatedSupernet:
    return SimulatedSupernet(_SPACE, seed=3, num_images=20_000)


@pytest.fixture(scope="module")
def predictor(kind: type[AccuracyPredictor], supernet: SimulatedSupernet) -> AccuracyPredictor:
    return kind.fit(supernet.table(300))


def _unseen(count: int = 500) -> np.ndarray:
    return _SPACE.sample_genes(np.random.default_rng(7), count)


def test_archs_that_were_not_seen_are_predicted(predictor: AccuracyPredictor, supernet: SimulatedSupernet) -> None:
    true_top1 = supernet.true_top1(_unseen())
    errors = predictor.predict(_unseen()).mean - true_top1
    assert np.sqrt(np.mean(errors**2)) < 0.45 * true_top1.std()


def test_error_bars_hold_what_they_promise(predictor: AccuracyPredictor, supernet: SimulatedSupernet) -> None:
    prediction = predictor.predict(_unseen())
    is_within = np.abs(prediction.mean - supernet.true_top1(_unseen())) < 1.645 * prediction.std
    assert 0.8 < is_within.mean() < 0.99


def test_the_same_table_gives_the_same_predictor(kind: type[AccuracyPredictor], supernet: SimulatedSupernet) -> None:
    first, second = kind.fit(supernet.table(30)), kind.fit(supernet.table(30))
    np.testing.assert_array_equal(first.predict(_unseen(20)).mean, second.predict(_unseen(20)).mean)


def test_equal_accuracies_give_a_flat_prediction(kind: type[AccuracyPredictor]) -> None:
    genes = _unseen(30)
    flat = table_of(_SPACE, genes, np.full(30, 0.9))
    np.testing.assert_allclose(kind.fit(flat).predict(genes).mean, 0.9, atol=1e-6)


def test_a_part_of_the_table_can_be_fitted(predictor: AccuracyPredictor, supernet: SimulatedSupernet) -> None:
    part: AccuracyTable = supernet.table(300).rows(np.arange(100))
    prediction = predictor.refit(part).predict(_unseen(50))
    assert not np.array_equal(prediction.mean, predictor.predict(_unseen(50)).mean)
    assert np.corrcoef(prediction.mean, supernet.true_top1(_unseen(50)))[0, 1] > 0.7


def test_the_gaussian_process_is_that_of_the_textbook(supernet: SimulatedSupernet) -> None:
    table = supernet.table(40)
    predictor = GaussianProcessPredictor.fit(table)
    kernel = predictor.kernel
    known, asked = predictor.features.encode(table.genes), predictor.features.encode(_unseen(5))
    covariances = np.zeros((40, 40))
    for row in range(40):
        for column in range(40):
            distance = np.linalg.norm(known[row] - known[column])
            covariances[row, column] = kernel.variance * np.exp(-0.5 * (distance / kernel.length_scale) ** 2)
    scale = table.top1.std()
    covariances += (kernel.misfit_variance + (table.noise_std / scale) ** 2) * np.eye(40)
    prediction = predictor.predict(_unseen(5))
    for row in range(5):
        distances = np.linalg.norm(known - asked[row], axis=1)
        with_known = kernel.variance * np.exp(-0.5 * (distances / kernel.length_scale) ** 2)
        weights = np.linalg.solve(covariances, with_known)
        mean = table.top1.mean() + weights @ (table.top1 - table.top1.mean())
        variance = kernel.variance + kernel.misfit_variance - weights @ with_known
        assert prediction.mean[row] == pytest.approx(mean, abs=1e-8)
        assert prediction.std[row] == pytest.approx(scale * np.sqrt(variance), rel=1e-6)


def test_a_small_table_does_not_choose_the_kernel(supernet: SimulatedSupernet) -> None:
    def length_scale(num_archs: int, noise: float) -> float:
        top1 = supernet.true_top1(_unseen(num_archs)) + noise * np.random.default_rng(0).normal(size=num_archs)
        return GaussianProcessPredictor.fit(table_of(_SPACE, _unseen(num_archs), top1)).kernel.length_scale

    assert length_scale(49, 0.0) == pytest.approx(length_scale(49, 0.02), rel=0.1)
    assert length_scale(60, 0.0) != pytest.approx(length_scale(60, 0.02), rel=0.1)


def test_a_linear_predictor_is_surest_near_what_was_measured(supernet: SimulatedSupernet) -> None:
    predictor = LinearPredictor.fit(supernet.table(60))
    middle = predictor.predict(_unseen())
    corner = predictor.predict(_SPACE.encode([_SPACE.largest(), _SPACE.smallest()]))
    assert corner.std.min() > np.median(middle.std)
