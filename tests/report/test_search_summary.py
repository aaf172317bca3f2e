import dataclasses

import numpy as np
import pytest

from ofa_tf.devices.device import Measurement
from ofa_tf.report.search_summary import describe_search
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.constrained_search import SearchResult, search_arch
from ofa_tf.search.constraint_kinds import CostContext
from ofa_tf.search.constraints import Limits, make_constraints
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.finalists import Final, Finalist, FinalSettings
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


_COSTS = SubnetCosts("host", num_macs=3_793_280, size_bytes=2_385_696)
_LIMITED = {"costs": {"latency_ms": 0.11, "macs": 3793280.0}, "limits": {"latency_ms": 0.12, "macs": 4e6}}


def test_a_search_says_what_was_predicted_measured_and_reported(found: SearchResult) -> None:
    text = describe_search(found, _COSTS)
    depths = ", ".join(map(str, found.arch.depths))
    size = found.arch.image_size
    assert f"found: {size} px, depths {depths}; 3,793,280 MACs, file of 2,385,696 bytes" in text
    assert (
        f"predicted top-1: {found.predicted_top1:.2%} +- {found.predicted_std:.2%} "
        "(one standard deviation, for the images that it was learned from)"
    ) in text
    assert found.final is not None
    measured = found.final.winner.measured
    assert (
        f"measured top-1: {measured.top1:.2%} +- {measured.standard_error:.2%} (one standard error) "
        f"on {sum(measured.num_images)} images that finalists are chosen by"
    ) in text
    assert "reported top-1: 75.00% +- 0.97% (one standard error) on 2000 images that nothing was chosen by" in text
    assert f"macs: {found.costs['macs']:,.0f} (limit 1,000,000,000)" in text
    assert f"below {100 * found.final.noise_of_difference:.2g} points are noise" in text
    assert "latency" not in text


def test_a_predicted_latency_is_beside_its_limit_and_what_was_measured(found: SearchResult) -> None:
    limited = dataclasses.replace(found, **_LIMITED)
    measurement = Measurement("network 0", 0.125, latency_low_ms=0.124, latency_high_ms=0.126)
    costs = dataclasses.replace(_COSTS, latency_ms=0.11, measurement=measurement)
    lines = describe_search(limited, costs).splitlines()
    assert lines[1:4] == [
        "latency on host: predicted 0.110 ms, limit 0.12 ms",
        "latency on host: measured 0.125 ms (confidence interval 0.124 to 0.126), 4.2% ABOVE THE LIMIT",
        "macs: 3,793,280 (limit 4,000,000)",
    ]
    cautious = describe_search(dataclasses.replace(limited, latency_margin=0.08), costs)
    assert "predicted 0.110 ms (0.119 with the margin of 8.0%), limit 0.12 ms" in cautious
    within = dataclasses.replace(
        costs, measurement=dataclasses.replace(measurement, latency_ms=0.12, doubt="a hot phone")
    )
    assert "ABOVE" not in describe_search(limited, within)
    assert "\n  doubtful: a hot phone\n" in describe_search(limited, within)
    failed = dataclasses.replace(costs, measurement=Measurement("network 0", None, error="it broke"))
    assert "latency on host: not measured, it broke" in describe_search(limited, failed)


def test_that_a_cheaper_arch_was_taken_is_said(found: SearchResult) -> None:
    genes = np.zeros(MICRO.num_genes, np.int32)
    best = Finalist(genes, True, 0.8, 0.01, AccuracyCount((81, 81), (100, 100)), 0.805, 0.008, cost=110.0)
    cheaper = Finalist(genes, False, 0.8, 0.01, AccuracyCount((80, 80), (100, 100)), 0.8025, 0.008, cost=100.0)
    final = Final(winner=cheaper, finalists=(best, cheaper), noise_std=0.01)
    lines = describe_search(dataclasses.replace(found, final=final), _COSTS).splitlines()
    place = lines.index("  an arch that costs more (macs 110 instead of 100) is estimated 0.25 points better,")
    assert lines[place + 1] == "  within noise: the cheaper one is taken"
    alone = Final(winner=best, finalists=(best, cheaper), noise_std=0.01)
    assert "the cheaper one is taken" not in describe_search(dataclasses.replace(found, final=alone), _COSTS)
