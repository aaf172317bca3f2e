from collections.abc import Sequence

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.constraints import Constraint
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.front.dominance import hypervolume
from ofa_tf.search.front.front_evolution import Objective
from ofa_tf.search.front.measured_front import Front, StopReason
from ofa_tf.search.front_search import FrontSearch, FrontSettings
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_macs
from ofa_tf.space.presets import get_search_space
from tests.support.optimistic_predictor import OptimisticPredictor
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.spaces import MICRO

_SPACE = get_search_space("mobilenet_v3_tiny")
_BRIEF = EvolutionSettings(population_size=40, num_generations=30)


def _macs(genes: np.ndarray) -> np.ndarray:
    return np.asarray(num_macs(_SPACE, genes, 10))


def _search(supernet: SimulatedSupernet, num_measurements: int = 24, limit: float = np.inf) -> Front:
    search = FrontSearch(
        _SPACE,
        fit_predictor(supernet.table(32), "linear"),
        {"macs": _macs},
        [Constraint("macs", limit, _macs)],
        FrontSettings(num_measurements, patience=10, evolution=_BRIEF),
    )
    return search.run(supernet.measure, supernet.measure)


def _true_hypervolume(supernet: SimulatedSupernet, genes: np.ndarray) -> float:
    """Of the front by true accuracies."""
    values = np.stack([-supernet.true_top1(genes), np.log(_macs(genes))], axis=1)
    reference = np.array([-0.7, np.log(_macs(_SPACE.encode([_SPACE.largest()]))[0])])
    return hypervolume(values, reference)


@pytest.fixture(scope="module")
def front() -> Front:
    return _search(SimulatedSupernet(_SPACE, 0))


def test_the_front_is_that_of_what_is_known_of_each_arch(front: Front) -> None:
    for point in front.points:
        better = []
        for other in front.points:
            is_no_worse = other.estimated_top1 >= point.estimated_top1 and other.costs["macs"] <= point.costs["macs"]
            is_somewhere_better = (
                other.estimated_top1 > point.estimated_top1 or other.costs["macs"] < point.costs["macs"]
            )
            better.append(is_no_worse and is_somewhere_better)
        assert point.is_on_front == (not any(better))
    macs = [point.costs["macs"] for point in front.points]
    assert macs == sorted(macs)
    assert len(front.points) == 32 + 24


def test_estimates_above_1_are_told_as_1_and_still_decide_who_is_on_the_front() -> None:
    table = SimulatedSupernet(_SPACE, 0).table(32)
    fronts = []
    for predictor in (fit_predictor(table, "linear"), OptimisticPredictor.fit(table)):
        supernet = SimulatedSupernet(_SPACE, 0)
        settings = FrontSettings(4, evolution=_BRIEF)
        search = FrontSearch(_SPACE, predictor, {"macs": _macs}, [Constraint("macs", np.inf, _macs)], settings)
        fronts.append(search.run(supernet.measure, supernet.measure))
    sober, optimistic = fronts
    assert [point.arch for point in optimistic.best] == [point.arch for point in sober.best]
    for point in optimistic.points:
        assert (point.predicted_top1, point.estimated_top1) == (1, 1)


def test_only_the_front_is_reported_on_and_costs_are_the_archs_own(front: Front) -> None:
    for point in front.points:
        assert (point.reported is not None) == point.is_on_front
        assert point.costs == {"macs": float(num_macs(_SPACE, point.arch, 10))}
        assert point.arch == _SPACE.canonical(point.arch)
    assert sum(point.is_found for point in front.points) == front.num_measured == 24


def test_no_arch_is_measured_twice_nor_beyond_the_limit() -> None:
    limit = float(np.median(_macs(_SPACE.sample_genes(np.random.default_rng(0), 500))))
    front = _search(SimulatedSupernet(_SPACE, 1), limit=limit)
    archs = [point.arch for point in front.points]
    assert len(set(archs)) == len(archs)
    assert max(point.costs["macs"] for point in front.points) <= limit


def test_a_cost_that_the_largest_subnet_has_least_of_grows_a_hypervolume_too() -> None:
    def spare_macs(genes: np.ndarray) -> np.ndarray:
        return 1.01 * _macs(_SPACE.encode([_SPACE.largest()]))[0] - _macs(genes)

    supernet = SimulatedSupernet(_SPACE, 0)
    search = FrontSearch(
        _SPACE,
        fit_predictor(supernet.table(32), "linear"),
        {"spare": spare_macs},
        settings=FrontSettings(8, evolution=_BRIEF),
    )
    assert search.run(supernet.measure).hypervolumes[0] > 0


def test_a_cost_of_nothing_is_refused() -> None:
    def macs_above_the_smallest(genes: np.ndarray) -> np.ndarray:
        return _macs(genes) - _macs(supernet.table(32).genes).min()

    supernet = SimulatedSupernet(_SPACE, 0)
    with pytest.raises(InputError, match=r"costs of a front to be above 0\. Received: 0 as extra of a subnet"):
        FrontSearch(_SPACE, fit_predictor(supernet.table(32), "linear"), {"extra": macs_above_the_smallest})


def test_it_finds_more_than_as_many_random_archs() -> None:
    gains = []
    for seed in range(5):
        supernet = SimulatedSupernet(_SPACE, seed)
        front = _search(supernet)
        found = _SPACE.encode([point.arch for point in front.points])
        random = supernet.table(len(found)).genes
        gains.append(_true_hypervolume(supernet, found) / _true_hypervolume(supernet, random))
    assert min(gains) > 1.05


def test_it_ends_when_there_is_nothing_to_gain() -> None:
    supernet = SimulatedSupernet(_SPACE, 0)
    num_measured = 0

    def measure_useless(arch: Arch) -> AccuracyCount:
        nonlocal num_measured
        num_measured += 1
        return AccuracyCount((0, 0), (1465, 1465))

    settings = FrontSettings(num_measurements=100, num_per_round=4, patience=2, evolution=_BRIEF)
    predictor = fit_predictor(supernet.table(32), "linear")
    ended = FrontSearch(_SPACE, predictor, {"macs": _macs}, (), settings).run(measure_useless)
    assert num_measured < 40
    assert (ended.num_measured, ended.max_measured) == (num_measured, 100)
    assert ended.stop_reason is StopReason.NO_GAIN
    assert ended.quality_before == predictor.quality


def test_it_ends_when_all_that_is_proposed_was_measured() -> None:
    def same(genes: np.ndarray) -> np.ndarray:
        return np.ones(len(genes))

    front = _search_micro({"same": same}, num_measurements=500)
    assert front.num_measured < front.max_measured == 500
    assert front.stop_reason is StopReason.NOTHING_NEW


def test_it_ends_when_no_measurement_is_left(front: Front) -> None:
    assert front.num_measured == front.max_measured == 24
    assert front.stop_reason is StopReason.ALL_MEASURED


def _search_micro(
    costs: dict[str, Objective],
    constraints: Sequence[Constraint] = (),
    exact_costs: dict[str, Objective] | None = None,
    pessimism: float = 0.0,
    num_measurements: int = 8,
) -> Front:
    supernet = SimulatedSupernet(MICRO, 0)
    predictor = fit_predictor(supernet.table(20), "linear")
    settings = FrontSettings(num_measurements, 4, evolution=EvolutionSettings(20, 10), pessimism=pessimism)
    search = FrontSearch(MICRO, predictor, costs, constraints, settings, exact_costs)
    return search.run(supernet.measure)


def _micro_macs(genes: np.ndarray) -> np.ndarray:
    return np.asarray(num_macs(MICRO, genes, 10))


def _image_size(genes: np.ndarray) -> np.ndarray:
    return np.asarray(MICRO.image_sizes)[genes[:, MICRO.image_size_gene]]


def test_a_front_tells_the_margins_of_its_constraints() -> None:
    cautious = Constraint("macs", np.inf, _micro_macs, margin=0.05)
    sure = Constraint("image_size", np.inf, _image_size)
    assert _search_micro({"macs": _micro_macs}, [cautious, sure]).margins == {"macs": 0.05}


def test_with_two_costs_an_arch_is_on_the_front_unless_another_one_is_better_in_all() -> None:
    front = _search_micro({"macs": _micro_macs, "image_size": _image_size})
    values = []
    for point in front.points:
        values.append([-point.estimated_top1, point.costs["macs"], point.costs["image_size"]])
    for own, point in zip(values, front.points, strict=True):
        is_dominated = False
        for other in values:
            is_no_worse = all(o <= p for o, p in zip(other, own, strict=True))
            is_dominated = is_dominated or (is_no_worse and other != own)
        assert point.is_on_front == (not is_dominated)
    assert {point.costs["image_size"] for point in front.best} == set(MICRO.image_sizes)


def test_equal_costs_leave_the_most_accurate_arch_alone_on_the_front() -> None:
    front = _search_micro({"one": lambda genes: np.ones(len(genes))})
    (best,) = front.best
    assert best.estimated_top1 == max(point.estimated_top1 for point in front.points)


def test_what_is_told_and_grows_a_hypervolume_is_the_exact_cost_which_is_asked_for_once() -> None:
    asked: list[np.ndarray] = []

    def exact_macs(genes: np.ndarray) -> np.ndarray:
        asked.append(genes)
        return _micro_macs(genes)

    front = _search_micro({"macs": lambda genes: _micro_macs(genes) / 2}, exact_costs={"macs": exact_macs})
    for point in front.points:
        assert point.costs == {"macs": float(num_macs(MICRO, point.arch, 10))}
    num_in_table = 20
    assert sum(map(len, asked)) == num_in_table + front.num_measured + 1  # and the largest subnet
    values = [(-point.estimated_top1, np.log(point.costs["macs"])) for point in front.best]
    worst = min(point.measured.top1 for point in front.points if not point.is_found)
    reference = np.array([-worst, np.log(num_macs(MICRO, MICRO.largest(), 10))])
    assert front.hypervolumes[-1] == pytest.approx(hypervolume(np.array(values), reference))


def test_a_limit_is_checked_exactly_once_of_each_arch_of_the_table() -> None:
    asked: list[np.ndarray] = []

    def exact_macs(genes: np.ndarray) -> np.ndarray:
        asked.append(genes)
        return _micro_macs(genes)

    constraint = Constraint("macs", np.inf, _micro_macs, exact_macs)
    front = _search_micro({"macs": _micro_macs}, [constraint])
    table_genes = SimulatedSupernet(MICRO, 0).table(20).genes
    assert sum(np.array_equal(genes[:20], table_genes) for genes in asked) == 1
    assert front.num_measured > 0


def test_where_nothing_that_is_known_or_proposed_keeps_the_limits_the_smallest_is_measured() -> None:
    def is_not_smallest(genes: np.ndarray) -> np.ndarray:
        return (MICRO.canonical_genes(genes) > 0).any(axis=1)

    # The quick measure lets everything pass, and the cost favours nobody, so that who is proposed fails the exact one.
    constraint = Constraint("size", 0.5, lambda genes: np.zeros(len(genes)), is_not_smallest)
    front = _search_micro({"one": lambda genes: np.ones(len(genes))}, [constraint])
    assert [point.arch for point in front.best] == [MICRO.smallest()]
    assert front.num_measured == 1


def test_pessimism_keeps_to_what_is_surely_known() -> None:
    def mean_std(front: Front) -> float:
        return float(np.mean([point.predicted_std for point in front.points if point.is_found]))

    costs: dict[str, Objective] = {"macs": _micro_macs}
    assert mean_std(_search_micro(costs, pessimism=20.0)) < mean_std(_search_micro(costs))


@pytest.mark.parametrize("worst", [0.0, -1.0, float("nan")])
def test_costs_that_have_no_logarithm_are_refused(worst: float) -> None:
    def cost(genes: np.ndarray) -> np.ndarray:
        return np.where(_micro_macs(genes) < np.median(_micro_macs(genes)), worst, 1.0)

    with pytest.raises(InputError, match=f"Expected costs of a front to be above 0. Received: {worst:g} as sparks of"):
        _search_micro({"sparks": cost})


@pytest.mark.parametrize(("name", "value"), [("num_measurements", 0), ("num_per_round", 0), ("patience", 0)])
def test_settings_that_make_no_sense_are_refused(name: str, value: int) -> None:
    with pytest.raises(InputError, match=f"Expected `{name}` to be at least 1. Received: {name}=0"):
        FrontSettings(**{name: value})
