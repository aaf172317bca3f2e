import dataclasses

import numpy as np
import pytest

from ofa_tf.base.numbers_in_words import accuracy_in_words
from ofa_tf.devices.device import Measurement
from ofa_tf.report.search_summary import describe_search
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_table import Correction
from ofa_tf.search.constrained_search import SearchResult
from ofa_tf.search.finalists import Final, Finalist
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.spaces import MICRO

_COSTS = SubnetCosts("host", num_macs=3_793_280, size_bytes=2_385_696)
_LIMITED = {"costs": {"latency_ms": 0.11, "macs": 3793280.0}, "limits": {"latency_ms": 0.12, "macs": 4e6}}


def test_what_was_found_what_it_costs_and_its_accuracies_are_a_paragraph_each(found: SearchResult) -> None:
    paragraphs = describe_search(found, _COSTS).split("\n\n")
    arch, costs, accuracies = (paragraph.splitlines() for paragraph in paragraphs)
    depths = ", ".join(map(str, found.arch.depths))
    assert found.final is not None
    winner = found.final.winner
    assert arch[0].startswith(f"found: {found.arch.image_size} px, depths {depths} (")
    assert costs == [
        "costs of the float32 model",
        "  3,793,280 MACs, file of 2,385,696 bytes",
        f"  macs: {found.costs['macs']:,.0f} (limit 1,000,000,000)",
    ]
    measured = accuracy_in_words(winner.measured.top1, winner.measured.standard_error)
    estimated = accuracy_in_words(winner.estimated_top1, winner.estimated_std)
    predicted = accuracy_in_words(found.predicted_top1, found.predicted_std)
    assert accuracies[:6] == [
        "top-1 accuracy of the float32 model, +- one standard error in points",
        "  reported:  75.00% +- 0.97 on 2000 images that nothing was chosen by: quote this one",
        f"  measured:  {measured} on {sum(winner.measured.num_images)} images that finalists are chosen by",
        f"  estimated: {estimated} from the measurement and the prediction; the finalists are compared by this",
        f"  predicted: {predicted} from other subnets, for the images that these were measured on",
        f"  differences of measured accuracies below {100 * found.final.noise_of_difference:.2f} points are noise",
    ]


def test_it_is_said_where_the_arch_comes_from(found: SearchResult) -> None:
    assert found.final is not None
    for is_found, origin in ((True, "proposed by the search"), (False, "known before this search")):
        winner = dataclasses.replace(found.final.winner, is_found=is_found)
        final = dataclasses.replace(found.final, winner=winner)
        first, *_ = describe_search(dataclasses.replace(found, final=final), _COSTS).splitlines()
        assert first.endswith(f" ({origin})")


def test_without_a_measurement_there_is_no_accuracy_to_quote(found: SearchResult) -> None:
    predicted_only = dataclasses.replace(found, final=None, reported=None)
    text = describe_search(predicted_only, _COSTS)
    predicted = accuracy_in_words(found.predicted_top1, found.predicted_std)
    assert text.splitlines()[0].endswith("(proposed by the search)")
    assert text.splitlines()[-2:] == [
        "  reported:  nothing was measured: there is only a prediction, and none to quote yet",
        f"  predicted: {predicted} from other subnets, for the images that these were measured on",
    ]
    chosen_only = describe_search(dataclasses.replace(found, reported=None), _COSTS)
    assert "\n  reported:  not measured, so there is none to quote yet\n  measured: " in chosen_only
    assert "quote this one" not in text + chosen_only


def test_costs_and_accuracies_are_told_to_be_of_the_precision_that_they_are_of(found: SearchResult) -> None:
    table = SimulatedSupernet(MICRO).table(30)
    corrected = dataclasses.replace(table, correction=Correction(frozenset(), std=0.001))
    for of_predictor, precision in ((corrected, "int8"), (table, "float32")):
        predictor = fit_predictor(of_predictor, "linear")
        text = describe_search(dataclasses.replace(found, precision="int8", predictor=predictor), _COSTS)
        assert "\ncosts of the int8 model\n" in text
        assert f"\ntop-1 accuracy of the {precision} model, " in text


def test_a_predicted_latency_is_beside_its_limit_and_what_was_measured(found: SearchResult) -> None:
    limited = dataclasses.replace(found, **_LIMITED)
    measurement = Measurement("network 0", 0.125, latency_low_ms=0.124, latency_high_ms=0.126)
    costs = dataclasses.replace(_COSTS, latency_ms=0.11, measurement=measurement)
    lines = describe_search(limited, costs).splitlines()
    assert lines[3:7] == [
        "  3,793,280 MACs, file of 2,385,696 bytes",
        "  latency on host: predicted 0.110 ms, limit 0.12 ms",
        "  latency on host: measured 0.125 ms (confidence interval 0.124 to 0.126), 4.2% ABOVE THE LIMIT",
        "  macs: 3,793,280 (limit 4,000,000)",
    ]
    exact = dataclasses.replace(limited, limits={"latency_ms": 0.1234567, "macs": 3793280.5})
    assert "predicted 0.110 ms, limit 0.1234567 ms\n" in describe_search(exact, costs)
    assert "macs: 3,793,280 (limit 3,793,280.5)" in describe_search(exact, costs)
    cautious = describe_search(dataclasses.replace(limited, latency_margin=0.08), costs)
    assert "predicted 0.110 ms (0.119 with the margin of 8.0%), limit 0.12 ms" in cautious
    within = dataclasses.replace(
        costs, measurement=dataclasses.replace(measurement, latency_ms=0.12, doubt="a hot phone")
    )
    assert "ABOVE" not in describe_search(limited, within)
    assert "\n    doubtful: a hot phone\n" in describe_search(limited, within)
    barely = dataclasses.replace(costs, measurement=Measurement("network 0", 0.12002))
    assert "measured 0.120 ms, <0.1% ABOVE THE LIMIT\n" in describe_search(limited, barely)
    failed = dataclasses.replace(costs, measurement=Measurement("network 0", None, error="it broke"))
    assert "latency on host: not measured, it broke" in describe_search(limited, failed)


def test_a_doubtful_prediction_is_told(found: SearchResult) -> None:
    costs = dataclasses.replace(_COSTS, latency_ms=0.1, predicted_doubt="others were busy")
    assert "\n    DOUBTFUL: others were busy\n" in describe_search(found, costs)


@pytest.mark.parametrize(("measured_ms", "words"), [(0.06, "45.5% below"), (0.16, "45.5% above"), (0.13, None)])
def test_a_prediction_that_is_far_off_casts_doubt_on_the_latency_table(
    found: SearchResult, measured_ms: float, words: str | None
) -> None:
    limited = dataclasses.replace(found, **_LIMITED)
    costs = dataclasses.replace(_COSTS, latency_ms=0.11, measurement=Measurement("network 0", measured_ms))
    text = describe_search(limited, costs)
    assert ("the prediction: other programs may have run" in text) == (words is not None)
    assert words is None or f"    {words} the prediction" in text


def test_that_a_cheaper_arch_was_taken_is_said(found: SearchResult) -> None:
    genes = np.zeros(MICRO.num_genes, np.int32)
    best = Finalist(genes, True, 0.8, 0.01, AccuracyCount((81, 81), (100, 100)), 0.805, 0.008, cost=2_981_912.0)
    cheaper = Finalist(genes, False, 0.8, 0.01, AccuracyCount((80, 80), (100, 100)), 0.8025, 0.008, cost=2_911_024.0)
    final = Final(winner=cheaper, finalists=(best, cheaper), noise_std=0.01)
    lines = describe_search(dataclasses.replace(found, final=final), _COSTS).splitlines()
    place = lines.index(
        "  an arch that costs more (macs 2,981,912 instead of 2,911,024) is estimated 0.25 points better,"
    )
    assert lines[place + 1] == "  within noise: the cheaper one is taken"
    alone = Final(winner=best, finalists=(best, cheaper), noise_std=0.01)
    assert "the cheaper one is taken" not in describe_search(dataclasses.replace(found, final=alone), _COSTS)
