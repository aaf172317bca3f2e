import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.features import encode_features
from ofa_tf.search.predictors.ridge_predictor import RidgePredictor
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from tests.support.accuracies import table_of

_SPACE = get_search_space("mobilenet_v3_tiny")


def _true_accuracy(genes: np.ndarray) -> np.ndarray:
    active = _SPACE.active_blocks(genes)
    kernels = genes[:, _SPACE.layout.of_field("kernel_sizes")] * active
    expands = genes[:, _SPACE.layout.of_field("expand_ratios")] * active
    return 0.7 + 0.004 * active.sum(1) + 0.001 * kernels.sum(1) + 0.002 * expands.sum(1) + 0.01 * genes[:, 0]


def _table(num: int, noise: float = 0.0, space: SearchSpace = _SPACE) -> AccuracyTable:
    rng = np.random.default_rng(0)
    genes = space.sample_genes(rng, num)
    return table_of(space, genes, _true_accuracy(genes) + noise * rng.normal(size=num))


def test_additive_accuracies_are_predicted_on_archs_not_seen() -> None:
    predictor = RidgePredictor.fit(_table(400))
    unseen = _SPACE.sample_genes(np.random.default_rng(1), 500)
    assert np.abs(predictor.predict(unseen) - _true_accuracy(unseen)).max() < 0.002


def test_the_report_tells_the_error_on_archs_not_fitted() -> None:
    table = _table(300, noise=0.02)
    report = RidgePredictor.fit(table).report
    unseen = _SPACE.sample_genes(np.random.default_rng(2), 1000)
    error = RidgePredictor.fit(table).predict(unseen) - _true_accuracy(unseen)
    honest = np.sqrt(np.mean(error**2) + 0.02**2)
    assert report["rmse"] == pytest.approx(honest, rel=0.25)
    assert report["num_archs"] == 300
    assert 0 < report["rank_correlation"] < 1


def test_equal_networks_have_equal_features_and_others_do_not() -> None:
    genes = _SPACE.sample_genes(np.random.default_rng(3), 50)
    features = encode_features(_SPACE, genes)
    np.testing.assert_array_equal(features, encode_features(_SPACE, _SPACE.canonical_genes(genes)))
    assert len(np.unique(features, axis=0)) == len(np.unique(_SPACE.canonical_genes(genes), axis=0))


def test_equal_accuracies_give_a_flat_prediction_and_no_rank_correlation() -> None:
    table = _table(20)
    flat = table_of(table.space, table.genes, np.full(20, 0.9))
    predictor = RidgePredictor.fit(flat)
    assert predictor.report["rank_correlation"] is None
    np.testing.assert_allclose(predictor.predict(table.genes), 0.9)


def test_too_small_a_table_is_refused() -> None:
    with pytest.raises(InputError, match=r"at least 10 archs. Received: 9. Measure more: tools/build_accuracy_table"):
        RidgePredictor.fit(_table(9))
