import dataclasses

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.accuracy_predictor import check_space
from ofa_tf.search.predictors.cross_validation import cross_validate, learning_curve
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor, candidates, fit_predictor
from ofa_tf.search.predictors.linear_predictor import LinearPredictor
from ofa_tf.search.predictors.prediction import Prediction
from ofa_tf.space.presets import get_search_space
from tests.support.accuracies import table_of
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.simulated_images import SimulatedImages
from tests.support.spaces import MICRO

_SPACE = get_search_space("mobilenet_v3_tiny")


@dataclasses.dataclass(frozen=True)
class _SurePredictor:
    """Predicts the mean of what it was fitted to, and claims error bars of a given width."""

    mean: float
    std: float = 0.001

    def refit(self, table: AccuracyTable) -> "_SurePredictor":
        return _SurePredictor(float(table.top1.mean()))

    @classmethod
    def fit(cls, table: AccuracyTable) -> "_SurePredictor":
        return cls(float(table.top1.mean()))

    def predict(self, genes: np.ndarray) -> Prediction:
        return Prediction(np.full(len(genes), self.mean), np.full(len(genes), self.std))


@dataclasses.dataclass(frozen=True)
class _MeansOfSizes:
    """Predicts the mean accuracy of the archs with the same image size."""

    means: np.ndarray

    def refit(self, table: AccuracyTable) -> "_MeansOfSizes":
        return self.fit(table)

    @classmethod
    def fit(cls, table: AccuracyTable) -> "_MeansOfSizes":
        sizes = table.genes[:, _SPACE.image_size_gene]
        return cls(np.array([table.top1[sizes == size].mean() for size in range(len(_SPACE.image_sizes))]))

    def predict(self, genes: np.ndarray) -> Prediction:
        return Prediction(self.means[genes[:, _SPACE.image_size_gene]], np.full(len(genes), 0.001))


@pytest.fixture(scope="module")
def table() -> AccuracyTable:
    return SimulatedSupernet(_SPACE, seed=1).table(200)


def test_cross_validation_tells_the_error_on_archs_not_fitted(table: AccuracyTable) -> None:
    supernet = SimulatedSupernet(_SPACE, seed=1)
    fitted = fit_predictor(table, "linear")
    unseen = _SPACE.sample_genes(np.random.default_rng(2), 1000)
    errors = fitted.predict(unseen).mean - supernet.true_top1(unseen)
    honest = np.hypot(np.sqrt(np.mean(errors**2)), table.noise_std)
    assert fitted.quality.rmse == pytest.approx(honest, rel=0.15)
    assert fitted.quality.spread == pytest.approx(table.top1.std())
    assert fitted.quality.kendall_tau is not None
    assert 0.4 < fitted.quality.kendall_tau < 0.9
    assert 0.85 <= fitted.quality.coverage <= 0.95


def test_the_coverage_that_is_told_is_that_of_archs_not_fitted() -> None:
    told, found = [], []
    for seed in range(24):
        supernet = SimulatedSupernet(_SPACE, seed)
        fitted = fit_predictor(supernet.table(32), "linear")
        genes = supernet.random_genes(232)[32:]
        measured = supernet.true_top1(genes) + fitted.table.noise_std * np.random.default_rng(seed).normal(size=200)
        prediction = fitted.predict(genes)
        bars = 1.645 * np.hypot(prediction.std, fitted.table.noise_std)
        found.append(np.mean(np.abs(prediction.mean - measured) <= bars))
        told.append(fitted.quality.coverage)
    assert np.mean(told) == pytest.approx(np.mean(found), abs=0.025)


def test_error_bars_that_are_too_narrow_are_widened(table: AccuracyTable) -> None:
    validation = cross_validate(_SurePredictor.fit(table), table)
    true_std = np.sqrt(table.top1.std() ** 2 - table.noise_std**2)
    assert np.mean(validation.unseen.std) == pytest.approx(true_std, rel=0.15)
    assert 0.85 <= validation.quality.coverage <= 0.95


def test_an_error_does_not_widen_the_bars_that_it_is_judged_by() -> None:
    genes = SimulatedSupernet(_SPACE, seed=1).random_genes(60)
    top1 = np.linspace(0.70, 0.71, 60)
    top1[7] = 0.9
    table = table_of(_SPACE, genes, top1)
    validation = cross_validate(_SurePredictor.fit(table), table)
    in_same_fold = validation.unseen.mean == validation.unseen.mean[7]
    assert 1 < in_same_fold.sum() < 60
    assert validation.unseen.std[in_same_fold].max() < 0.5 * validation.unseen.std[~in_same_fold].min()


def test_no_arch_is_predicted_by_who_has_seen_it() -> None:
    table = SimulatedSupernet(_SPACE, seed=1).table(20)
    validation = cross_validate(_SurePredictor.fit(table), table)
    seen_by_predictions: dict[float, list[float]] = {}
    for prediction, top1 in zip(validation.unseen.mean.tolist(), table.top1.tolist(), strict=True):
        seen_by_predictions.setdefault(prediction, []).append(top1)
    # Those of a fold have one prediction, the mean of all others.
    for prediction, left_out in seen_by_predictions.items():
        mean_of_others = (table.top1.sum() - sum(left_out)) / (20 - len(left_out))
        assert prediction == pytest.approx(mean_of_others)
    assert len(seen_by_predictions) == 10


def _with_clones(supernet: SimulatedSupernet, num_archs: int, num_clones: int) -> np.ndarray:
    """Genes of random archs, and of near-clones of one: each with another kernel size in a block of its own."""
    clones = np.repeat(_SPACE.encode([_SPACE.largest()]), num_clones, axis=0)
    kernel_genes = np.arange(_SPACE.num_genes)[_SPACE.layout.of_field("kernel_sizes")]
    for row, gene in enumerate(kernel_genes[:num_clones]):
        clones[row, gene] -= 1
    return np.concatenate([supernet.random_genes(num_archs), clones])


def test_near_clones_of_an_arch_do_not_predict_it() -> None:
    supernet = SimulatedSupernet(_SPACE, seed=0)
    genes = _with_clones(supernet, 40, 8)
    top1 = np.full(48, 0.7)
    top1[40:] = 0.9
    validation = cross_validate(_SurePredictor.fit(table_of(_SPACE, genes, top1)), table_of(_SPACE, genes, top1))
    assert validation.unseen.mean[40:] == pytest.approx(0.7)


def test_where_all_are_near_clones_most_of_them_predict_the_rest() -> None:
    genes = _with_clones(SimulatedSupernet(_SPACE, seed=0), 0, 12)
    top1 = np.linspace(0.6, 0.8, 12)
    predictor = _SurePredictor.fit(table_of(_SPACE, genes, top1))
    assert np.ptp(cross_validate(predictor, table_of(_SPACE, genes, top1)).unseen.mean) < 0.05


def test_error_bars_of_near_clones_hold_what_they_promise() -> None:
    is_within = []
    for seed in range(16):
        supernet = SimulatedSupernet(_SPACE, seed)
        images = SimulatedImages(supernet, 0)
        genes = _with_clones(supernet, 60, 8)
        random_table = images.table_of(genes[:60])
        measurements = [images.measure(arch) for arch in _SPACE.decode(genes[60:])]
        estimate = fit_predictor(random_table.extended_by(genes[60:], measurements), "linear").estimate_table()
        errors = estimate.mean - supernet.true_top1(genes) - images.luck_of_all
        is_within.append(np.abs(errors[60:]) < 1.645 * estimate.std[60:])
    assert np.mean(is_within) >= 0.85


@pytest.fixture(scope="module")
def with_shared_noise() -> list[FittedPredictor]:
    """Archs of a size are right about the same images; who predicts from the size predicts their noise."""
    rng = np.random.default_rng(0)
    genes = _SPACE.canonical_genes(_SPACE.sample_genes(rng, 100))
    fits = []
    for _ in range(40):
        num_correct_of_sizes = rng.binomial([600, 300], 0.7, size=(len(_SPACE.image_sizes), 2))
        num_correct = num_correct_of_sizes[genes[:, _SPACE.image_size_gene]]
        table = AccuracyTable(_SPACE, genes, num_correct, (600, 300), "search", "net")
        predictor = _MeansOfSizes.fit(table)
        fits.append(FittedPredictor("means_of_sizes", table, predictor, cross_validate(predictor, table)))
    return fits


def test_noise_that_predictions_and_measurements_share_is_found(with_shared_noise: list[FittedPredictor]) -> None:
    found = [fitted.validation.shared_variance for fitted in with_shared_noise]
    # What the five sizes have in common puts none before another.
    assert np.mean(found) == pytest.approx(0.8 * 0.7 * 0.3 / 900, rel=0.3)


def test_noise_that_predictions_and_measurements_share_is_in_both_error_bars_and_counts_once(
    with_shared_noise: list[FittedPredictor],
) -> None:
    std_of_size = np.sqrt(0.8 * 0.7 * 0.3 / 900)
    unseen, estimated = [], []
    for fitted in with_shared_noise:
        unseen.append(fitted.unseen.std.mean())
        estimated.append(fitted.estimate_table().std.mean())
    # A measurement brings nothing that the prediction did not know.
    assert np.mean(estimated) == pytest.approx(np.mean(unseen), rel=0.1)
    assert np.mean(unseen) > 0.7 * std_of_size


def test_noise_of_archs_that_have_nothing_in_common_is_not_shared(table: AccuracyTable) -> None:
    assert fit_predictor(table, "linear").validation.shared_variance < 0.1 * table.noise_std**2


def test_estimates_of_the_table_are_nearer_to_the_truth_than_measurement_or_prediction(table: AccuracyTable) -> None:
    supernet = SimulatedSupernet(_SPACE, seed=1)
    fitted = fit_predictor(table, "linear")
    true_top1 = supernet.true_top1(table.genes)

    def error(top1: np.ndarray) -> float:
        return float(np.sqrt(np.mean((top1 - true_top1) ** 2)))

    estimated = error(fitted.estimate_table().mean)
    assert estimated < 0.9 * error(table.top1)
    assert estimated < error(fitted.validation.unseen.mean)


def test_the_predictor_with_the_smallest_error_is_taken(table: AccuracyTable) -> None:
    chosen = fit_predictor(table)
    others = [fit_predictor(table, name) for name in candidates(len(table))]
    assert chosen.quality.rmse == min(other.quality.rmse for other in others)
    assert candidates(100) == ["linear", "gaussian_process"]
    assert "mlp_ensemble" in candidates(1000)
    assert "gaussian_process" not in candidates(5000)


@pytest.mark.parametrize("num_archs", [11, 32])
def test_of_equal_accuracies_the_simplest_predictor_and_sensible_error_bars_are_taken(num_archs: int) -> None:
    genes = SimulatedSupernet(_SPACE, seed=1).random_genes(num_archs)
    table = table_of(_SPACE, genes, np.full(num_archs, 0.7), (500, 500))
    assert fit_predictor(table).name == "linear"
    unseen = _SPACE.sample_genes(np.random.default_rng(2), 20)
    for name in candidates(num_archs):
        std = fit_predictor(table, name).predict(unseen).std
        assert std.min() > 1e-5
        assert std.max() < 0.01


def test_a_learning_curve_falls(table: AccuracyTable) -> None:
    curve = learning_curve(LinearPredictor, table)
    assert list(curve) == [50, 100, 200]
    assert curve[200] < curve[50]
    assert list(learning_curve(LinearPredictor, table.rows(np.arange(30)))) == [15, 30]


def test_a_learning_curve_takes_what_is_known_of_the_whole(table: AccuracyTable) -> None:
    quality = dataclasses.replace(fit_predictor(table, "linear").quality, rmse=0.123)
    assert learning_curve(LinearPredictor, table, quality)[200] == 0.123


def test_a_predictor_that_is_not_known_is_refused(table: AccuracyTable) -> None:
    message = r"Expected a predictor of accuracies, one of \['linear'.*\]. Received: 'oracle'. If it is your own, load"
    with pytest.raises(InputError, match=message):
        fit_predictor(table, "oracle")


def test_too_small_a_table_is_refused(table: AccuracyTable) -> None:
    with pytest.raises(InputError, match=r"at least 10 archs. Received: 9. Measure more: tools/build_accuracy_table"):
        fit_predictor(table.rows(np.arange(9)))


def test_a_space_with_nothing_to_search_in_is_refused() -> None:
    check_space(MICRO)
    message = "Expected a search space of at least 10 subnets. Received: micro, which has 1. There is nothing to search"
    with pytest.raises(InputError, match=message):
        check_space(MICRO.of_one(MICRO.smallest()))
