import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.accuracy_predictor import check_space
from ofa_tf.search.predictors.predictor_registry import fit_predictor
from ofa_tf.search.predictors.ridge_predictor import RidgePredictor
from tests.support.accuracies import table_of
from tests.support.spaces import MICRO


def _table() -> AccuracyTable:
    """Accuracies by which the largest network is the best one."""
    genes = MICRO.sample_genes(np.random.default_rng(0), 60)
    top1 = 0.5 + 0.01 * MICRO.canonical_genes(genes).sum(axis=1)
    return table_of(MICRO, genes, top1)


def test_the_ridge_predictor_is_used_unless_told_otherwise() -> None:
    predictor = fit_predictor(_table())
    assert isinstance(predictor, RidgePredictor)
    np.testing.assert_array_equal(predictor.weights, RidgePredictor.fit(_table()).weights)


def test_a_predictor_that_is_not_known_is_refused() -> None:
    message = r"Expected a predictor of accuracies, one of \['ridge'.*\]. Received: 'oracle'. If it is your own, load"
    with pytest.raises(InputError, match=message):
        fit_predictor(_table(), "oracle")


def test_a_space_with_nothing_to_search_in_is_refused() -> None:
    check_space(MICRO)
    message = "Expected a search space of at least 10 subnets. Received: micro, which has 1. There is nothing to search"
    with pytest.raises(InputError, match=message):
        check_space(MICRO.of_one(MICRO.smallest()))
