"""Tables of float accuracies, lowered by what quantization loses on average: who wins is measured nevertheless."""

import dataclasses

import numpy as np
import pytest

from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_table import AccuracyTable, Correction
from ofa_tf.search.constrained_search import SearchResult, search_arch
from ofa_tf.search.constraints import Constraint
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.finalists import FinalSettings
from ofa_tf.search.front.dominance import hypervolume
from ofa_tf.search.front.measured_front import Front, StopReason
from ofa_tf.search.front_search import FrontSearch, FrontSettings
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_macs
from ofa_tf.space.presets import get_search_space
from tests.support.simulated_accuracy import SimulatedSupernet

_SPACE = get_search_space("mobilenet_v3_tiny")
_BRIEF = EvolutionSettings(population_size=40, num_generations=30)
_NUM_ROWS = 40
_HALF = 10_000  # images
_LOSS = 0.01  # of most archs, through quantization
_LARGE_LOSS = 0.3


def _macs(genes: np.ndarray) -> np.ndarray:
    return np.asarray(num_macs(_SPACE, genes, 10))


_CONSTRAINT = Constraint("macs", np.inf, _macs)


class _ShippedModels:
    """Measures archs as they are shipped, by a formula.

    Args:
        top1: Of archs that are not in `special`.
        special: Accuracies of some archs.
    """

    def __init__(self, top1: float, special: dict[Arch, float]) -> None:
        self._top1 = top1
        self._special = special
        self.measured: dict[Arch, AccuracyCount] = {}

    def __call__(self, arch: Arch) -> AccuracyCount:
        assert arch not in self.measured  # nobody twice
        num_correct = round(_HALF * self._special.get(arch, self._top1))
        self.measured[arch] = AccuracyCount((num_correct, num_correct), (_HALF, _HALF))
        return self.measured[arch]


def _computed_table(top1_of_best: float, num_best: int = 1, std: float = 0.02) -> tuple[AccuracyTable, list[Arch]]:
    """A table without any measured row, and its best archs."""
    table = SimulatedSupernet(_SPACE, num_images=2 * _HALF).table(_NUM_ROWS)
    num_correct = table.num_correct - round(_LOSS * _HALF)
    num_correct[:num_best] = round(_HALF * (top1_of_best - _LOSS))
    correction = Correction(frozenset(map(tuple, table.genes.tolist())), std=std)
    computed = dataclasses.replace(table, num_correct=num_correct, correction=correction)
    return computed, _SPACE.decode(table.genes[:num_best])


def _search(table: AccuracyTable, measure: _ShippedModels) -> SearchResult:
    predictor = fit_predictor(table, "linear")
    final = FinalSettings(measure, num_finalists=4)
    return search_arch(_SPACE, predictor, [_CONSTRAINT], settings=_BRIEF, final=final)


def test_an_arch_that_loses_much_as_it_is_shipped_does_not_win() -> None:
    table, (best,) = _computed_table(0.95)
    measure = _ShippedModels(0.76, {best: 0.95 - _LARGE_LOSS})
    found = _search(table, measure)
    assert found.arch != best
    assert measure.measured[best].top1 == pytest.approx(0.65)
    assert found.measured_top1 == measure.measured[found.arch].top1 == pytest.approx(0.76)


def test_an_arch_of_the_table_that_wins_was_measured() -> None:
    table, (best,) = _computed_table(0.95)
    measure = _ShippedModels(0.76, {best: 0.93})
    found = _search(table, measure)
    assert found.arch == best
    assert found.measured_top1 == measure.measured[best].top1 == pytest.approx(0.93)
    assert found.final is not None
    assert found.final.winner.estimated_top1 == pytest.approx(0.93, abs=0.005)
    assert not found.final.winner.is_found


def test_who_leads_is_measured_even_if_cheaper_archs_might_be_as_good() -> None:
    table, (best,) = _computed_table(0.95, std=1.0)
    measure = _ShippedModels(0.76, {best: 0.93})
    found = _search(table, measure)
    assert found.arch == best
    assert found.measured_top1 == pytest.approx(0.93)


def test_if_all_that_lead_lose_much_their_number_is_bounded_and_the_winner_is_measured() -> None:
    table, best = _computed_table(0.95, num_best=_NUM_ROWS)
    measure = _ShippedModels(0.76, dict.fromkeys(best, 0.95 - _LARGE_LOSS))
    found = _search(table, measure)
    assert found.measured_top1 == measure.measured[found.arch].top1
    num_of_table = len(set(measure.measured) & set(best))
    assert 6 <= num_of_table <= 12


def test_all_of_a_front_is_measured() -> None:
    table, best = _computed_table(0.95, num_best=3)
    special = dict(zip(best, (0.65, 0.66, 0.94), strict=True))
    measure = _ShippedModels(0.76, special)
    settings = FrontSettings(num_measurements=16, num_per_round=4, evolution=_BRIEF)
    search = FrontSearch(_SPACE, fit_predictor(table, "linear"), {"macs": _macs}, settings=settings)
    told = []
    front: Front = search.run(measure, on_measured=lambda done, most: told.append((done, most)))
    assert {point.arch: point.measured for point in front.points} == measure.measured
    assert front.num_measured == len(measure.measured) <= 16
    assert (front.stop_reason is StopReason.ALL_MEASURED) == (front.num_measured == 16)
    assert told == [(number, 16) for number in range(1, front.num_measured + 1)]
    assert best[2] in {point.arch for point in front.best}


def test_accuracies_that_nobody_measured_do_not_end_a_search_for_a_front() -> None:
    table, _ = _computed_table(0.76)
    cheapest = int(np.argmin(_macs(table.genes)))
    num_correct = table.num_correct.copy()
    num_correct[cheapest] = round(0.8 * _HALF)  # computed; nothing that is found comes near it
    table = dataclasses.replace(table, num_correct=num_correct)
    (breaks,) = _SPACE.decode(table.genes[[cheapest]])
    supernet = SimulatedSupernet(_SPACE, num_images=2 * _HALF)

    def measure(arch: Arch) -> AccuracyCount:
        if arch == breaks:
            return AccuracyCount((_HALF // 2, _HALF // 2), (_HALF, _HALF))
        return supernet.measure(arch)

    settings = FrontSettings(num_measurements=24, num_per_round=4, patience=1, evolution=_BRIEF)
    search = FrontSearch(_SPACE, fit_predictor(table, "linear"), {"macs": _macs}, settings=settings)
    front = search.run(measure)
    assert front.num_measured == 24
    assert max(point.measured.top1 for point in front.points if point.is_found) > 0.76
    # What grows is the front that is told of.
    values = [(-point.estimated_top1, np.log(point.costs["macs"])) for point in front.best]
    dearest = np.concatenate([_macs(table.genes), _macs(_SPACE.encode([_SPACE.largest()]))]).max()
    reference = np.array([-table.top1.min(), np.log(dearest)])
    assert front.hypervolumes[-1] == pytest.approx(hypervolume(np.array(values), reference))


def test_a_measurement_is_kept_for_who_is_on_a_front_by_a_computed_accuracy() -> None:
    # Only the cheapest of equals is on the front; once it turns out to lose much, the next one is.
    table, best = _computed_table(0.95, num_best=_NUM_ROWS)
    measure = _ShippedModels(0.76, dict.fromkeys(best, 0.95 - _LARGE_LOSS))
    settings = FrontSettings(num_measurements=16, num_per_round=4, patience=10, evolution=_BRIEF)
    front = FrontSearch(_SPACE, fit_predictor(table, "linear"), {"macs": _macs}, settings=settings).run(measure)
    is_of_table = [arch in set(best) for arch in measure.measured]
    assert is_of_table == [True] + 14 * [False] + [True]
    assert front.stop_reason is StopReason.ALL_MEASURED


def test_what_is_not_known_of_a_computed_accuracy_is_in_its_error_bar_only() -> None:
    table, _ = _computed_table(0.76)
    genes = table.genes[5:7]
    measurements = [AccuracyCount((5000, 5000), (_HALF, _HALF)), AccuracyCount((8000, 8000), (_HALF, _HALF))]
    table = table.with_measured(genes, measurements)
    estimate = fit_predictor(table, "linear").estimate_table()
    assert np.flatnonzero(~table.is_computed).tolist() == [5, 6]
    is_computed = table.is_computed
    assert np.all(estimate.std[is_computed] >= 0.02)
    # Predictions do not know what these lose, so that measurements count nearly alone.
    np.testing.assert_allclose(estimate.mean[[5, 6]], [0.5, 0.8], atol=0.01)
    assert np.all(estimate.std[[5, 6]] < 0.01)


def test_error_bars_hold_the_accuracies_of_models_that_lose_more_or_less() -> None:
    supernet = SimulatedSupernet(_SPACE, num_images=2 * _HALF)
    std = 0.03  # of losses, far more than what float accuracies are predicted by
    table = supernet.table(60)
    correction = Correction(frozenset(map(tuple, table.genes.tolist())), std=std)
    fitted = fit_predictor(dataclasses.replace(table, correction=correction), "linear")
    genes = _SPACE.sample_genes(np.random.default_rng(3), 400)
    as_shipped = supernet.true_top1(genes) + std * np.random.default_rng(4).normal(size=400)
    prediction = fitted.predict(genes)
    is_within = np.abs(prediction.mean - as_shipped) <= 1.645 * prediction.std
    assert 0.85 <= np.mean(is_within) <= 0.95
    assert fitted.unseen.std == pytest.approx(np.hypot(fitted.validation.unseen.std, std))
    assert fitted.quality.num_computed == 60


def test_what_is_told_of_finalists_and_fronts_has_the_wide_error_bars() -> None:
    table, _ = _computed_table(0.78)
    found = _search(table, _ShippedModels(0.76, {}))
    assert found.final is not None
    assert min(finalist.predicted_std for finalist in found.final.finalists) > 0.02
    settings = FrontSettings(num_measurements=4, num_per_round=4, evolution=_BRIEF)
    search = FrontSearch(_SPACE, fit_predictor(table, "linear"), {"macs": _macs}, settings=settings)
    front = search.run(_ShippedModels(0.76, {}))
    assert min(point.predicted_std for point in front.points) > 0.02


def test_a_table_knows_who_was_measured_whatever_becomes_of_it() -> None:
    table, _ = _computed_table(0.76)
    assert table.is_computed.all()
    other = _SPACE.canonical_genes(_SPACE.encode([_SPACE.largest()]))
    measurement = AccuracyCount((7000, 7100), (_HALF, _HALF))
    table = table.with_measured(table.genes[3:4], [measurement])
    assert table.measurement(3) == measurement
    extended = table.extended_by(other, [measurement])
    assert np.flatnonzero(~extended.is_computed).tolist() == [3, _NUM_ROWS]
    assert extended.rows(np.array([4, 3])).is_computed.tolist() == [True, False]
    assert not SimulatedSupernet(_SPACE).table(4).is_computed.any()
