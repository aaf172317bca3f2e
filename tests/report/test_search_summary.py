import dataclasses

import numpy as np
import pytest

from ofa_tf.report.search_summary import describe_learning_curve, describe_quality, describe_search
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.constrained_search import SearchResult, search_arch
from ofa_tf.search.constraint_kinds import CostContext
from ofa_tf.search.constraints import Limits, make_constraints
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.finalists import Final, Finalist, FinalSettings
from ofa_tf.search.predictors.cross_validation import PredictorQuality
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.spaces import MICRO


@pytest.fixture(scope="module")
def found() -> SearchResult:
    supernet = SimulatedSupernet(MICRO)
    result = search_arch(
        MICRO,
        fit_predictor(supernet.table(30), "linear"),
        make_constraints(CostContext(MICRO, 10), Limits(macs=1e9)),
        settings=EvolutionSettings(10, 5),
        final=FinalSettings(supernet.measure, 2),
    )
    return dataclasses.replace(result, reported=AccuracyCount((700, 800), (1000, 1000)))


def test_a_search_says_what_was_predicted_measured_and_reported(found: SearchResult) -> None:
    text = describe_search(found)
    assert f"found: {found.arch.image_size} px, depths {list(found.arch.depths)}" in text
    assert f"predicted top-1: {found.predicted_top1:.2%} +- {found.predicted_std:.2%}" in text
    assert f"measured top-1: {found.measured_top1:.2%} on the images that finalists are chosen by" in text
    assert "reported top-1: 75.00% +- 0.97% (one standard error), on 2000 validation images" in text
    assert f"macs: {found.costs['macs']:g} (limit 1e+09)" in text
    assert found.final is not None
    assert f"below {100 * found.final.noise_of_difference:.2g} points are noise" in text


def test_that_a_cheaper_arch_was_taken_is_said(found: SearchResult) -> None:
    genes = np.zeros(MICRO.num_genes, np.int32)
    best = Finalist(genes, True, 0.8, 0.01, AccuracyCount((81, 81), (100, 100)), 0.805, 0.008, cost=110.0)
    cheaper = Finalist(genes, False, 0.8, 0.01, AccuracyCount((80, 80), (100, 100)), 0.8025, 0.008, cost=100.0)
    final = Final(winner=cheaper, finalists=(best, cheaper), noise_std=0.01)
    text = describe_search(dataclasses.replace(found, final=final))
    assert (
        "an arch that costs 110 instead of 100 is estimated 0.25 points better, within noise: the cheaper one is taken"
        in text
    )
    alone = Final(winner=best, finalists=(best, cheaper), noise_std=0.01)
    assert "the cheaper one is taken" not in describe_search(dataclasses.replace(found, final=alone))


def test_quality_and_learning_curve_are_a_line_each() -> None:
    quality = PredictorQuality(100, 0.0061, 0.004, 0.0091, 0.5, 0.92)
    text = describe_quality("linear", quality)
    assert "accuracy predictor (linear), cross-validated on 100 subnets: RMSE 0.61%" in text
    assert "Kendall's tau 0.500, 92% within the 90% error bars" in text
    assert "tau undefined" in describe_quality("linear", dataclasses.replace(quality, kendall_tau=None))
    assert describe_learning_curve({100: 0.006, 50: 0.008}) == (
        "RMSE by number of measured subnets: 0.80% with 50, 0.60% with 100"
    )
