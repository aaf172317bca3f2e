import dataclasses

from ofa_tf.report.predictor_summary import describe_predictor, precision_of_accuracies
from ofa_tf.search.accuracy_table import Correction
from ofa_tf.search.predictors.cross_validation import PredictorQuality
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.spaces import MICRO


def test_quality_and_learning_curve_are_three_short_lines() -> None:
    quality = PredictorQuality(1000, 0.0061, 0.004, 0.0091, 0.5, 0.92)
    text = describe_predictor("gaussian_process", quality, {1000: 0.0061, 500: 0.008, 250: 0.0095})
    assert text.splitlines() == [
        "accuracy predictor (gaussian_process), cross-validated on 1000 subnets: RMSE 0.61 points",
        "  (always predicting the mean: 0.91; noise of the measurements: 0.40), Kendall's tau 0.500,",
        "  92% within the 90% error bars; RMSE by number of subnets: 0.95 with 250, 0.80 with 500, 0.61 with 1000",
    ]
    assert "tau undefined" in describe_predictor("linear", dataclasses.replace(quality, kendall_tau=None), {})


def test_a_predictor_that_is_of_no_use_is_told_to_be() -> None:
    worse = PredictorQuality(32, 0.0071, 0.0079, 0.0069, -0.28, 0.97)
    *_, last = describe_predictor("linear", worse, {}).splitlines()
    assert last.startswith("  NO BETTER than the mean, so that chance decides")
    *_, last = describe_predictor("linear", dataclasses.replace(worse, rmse=0.0068), {}).splitlines()
    assert last.startswith("  HARDLY BETTER than the mean, so that chance decides")
    useful = dataclasses.replace(worse, rmse=0.0060)
    assert "BETTER" not in describe_predictor("linear", useful, {})


def test_rows_that_were_not_measured_are_told_of() -> None:
    quality = PredictorQuality(100, 0.0061, 0.004, 0.0091, 0.5, 0.92, num_computed=92)
    first, *_ = describe_predictor("linear", quality, {}).splitlines()
    subnets = "100 subnets (8 measured, 92 computed from float accuracies)"
    assert first == f"accuracy predictor (linear), cross-validated on {subnets}: RMSE 0.61 points"


def test_accuracies_are_of_shipped_models_only_where_the_table_was_corrected() -> None:
    table = SimulatedSupernet(MICRO).table(20)
    assert precision_of_accuracies(None, "int8") == "float32"
    assert precision_of_accuracies(fit_predictor(table, "linear"), "int8") == "float32"
    # Even if all of its archs were measured as they are shipped, and none is computed.
    corrected = dataclasses.replace(table, correction=Correction(frozenset(), std=0.001))
    assert precision_of_accuracies(fit_predictor(corrected, "linear"), "int8") == "int8"
