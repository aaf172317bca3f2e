"""A family shares its widths, serves many budgets, fits into its file, and is measured."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_table import Correction
from ofa_tf.search.constraints import Constraint
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.family.measured_family import Family
from ofa_tf.search.family.widths import width_genes
from ofa_tf.search.family_search import FamilySearch, FamilySettings
from ofa_tf.search.front.dominance import hypervolume
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_macs, num_params
from ofa_tf.space.presets import get_search_space
from tests.support.simulated_accuracy import SimulatedSupernet

_SPACE = get_search_space("mobilenet_v3_tiny")
_BRIEF = EvolutionSettings(population_size=40, num_generations=30)
_SMALLEST, _LARGEST = _SPACE.smallest(), _SPACE.largest()


def _macs(genes: np.ndarray) -> np.ndarray:
    return np.asarray(num_macs(_SPACE, genes, 10))


def _file_bytes(archs: Sequence[Arch]) -> int:
    """As if the largest network had all that the others have."""
    return max(int(num_params(_SPACE, arch, 10)) for arch in archs)


def _search(
    supernet: SimulatedSupernet,
    *,
    constraints: Sequence[Constraint] = (),
    num_members: int = 3,
    max_file_bytes: float | None = None,
    num_measurements: int = 18,
    num_generations: int = 2,
) -> Family:
    settings = FamilySettings(
        num_members=num_members,
        max_file_bytes=max_file_bytes,
        num_measurements=num_measurements,
        num_generations=num_generations,
        evolution=_BRIEF,
    )
    predictor = fit_predictor(supernet.table(64), "linear")
    search = FamilySearch(_SPACE, predictor, "macs", _macs, _file_bytes, constraints, settings)
    return search.run(supernet.measure, supernet.measure)


@pytest.fixture(scope="module")
def family() -> Family:
    return _search(SimulatedSupernet(_SPACE, 0))


def test_members_have_the_same_widths_wherever_both_have_the_block(family: Family) -> None:
    genes = _SPACE.encode([point.arch for point in family.members])
    indices = width_genes(_SPACE)
    is_active = _SPACE.active_genes(genes)[:, indices]
    for column in range(len(indices)):
        widths = genes[is_active[:, column], indices[column]]
        assert len(set(widths.tolist())) <= 1


def test_members_are_measured_reported_and_in_order(family: Family) -> None:
    macs = [point.costs["macs"] for point in family.members]
    assert macs == sorted(macs)
    assert len(set(macs)) == 3
    assert all(point.reported is not None for point in family.members)
    assert family.num_measured <= family.max_measured == 18
    table = {arch: row for row, arch in enumerate(_SPACE.decode(family.predictor.table.genes))}
    for point in family.members:
        row = table[_SPACE.canonical(point.arch)]
        assert point.measured == family.predictor.table.measurement(row)
        assert point.costs["macs"] == num_macs(_SPACE, point.arch, 10)


def test_a_family_serves_budgets_nearly_as_well_as_archs_that_share_nothing() -> None:
    """By true accuracies; three random archs with the same widths serve them far worse."""
    supernet = SimulatedSupernet(_SPACE, 0)
    reference = np.array([-0.7, np.log(_macs(_SPACE.encode([_LARGEST]))[0])])

    def volume(genes: np.ndarray) -> float:
        return hypervolume(np.stack([-supernet.true_top1(genes), np.log(_macs(genes))], axis=1), reference)

    found = volume(_SPACE.encode([point.arch for point in _search(supernet).members]))
    rng = np.random.default_rng(0)
    of_random = []
    for _ in range(200):
        genes = _SPACE.sample_genes(rng, 3)
        genes[:, width_genes(_SPACE)] = genes[0, width_genes(_SPACE)]
        of_random.append(volume(genes))
    assert found > max(of_random)


def test_limits_of_each_and_of_the_file_are_kept(family: Family) -> None:
    limit = float(np.median(_macs(_SPACE.sample_genes(np.random.default_rng(0), 500))))
    file_limit = 0.8 * family.file_bytes
    limited = _search(
        SimulatedSupernet(_SPACE, 0), constraints=[Constraint("macs", limit, _macs)], max_file_bytes=file_limit
    )
    archs = [point.arch for point in limited.members]
    assert max(num_macs(_SPACE, arch, 10) for arch in archs) <= limit
    assert limited.file_bytes == _file_bytes(archs) <= file_limit


def test_no_member_is_worse_than_a_cheaper_one(family: Family) -> None:
    families = [family, _search(SimulatedSupernet(_SPACE, 1), num_members=5, num_measurements=12)]
    for found in families:
        top1 = [point.estimated_top1 for point in found.members]
        assert top1 == sorted(top1)
        archs = [point.arch for point in (*found.members, *found.others)]
        assert len(set(archs)) == len(archs)
        assert found.num_measured == sum(point.is_found for point in (*found.members, *found.others))


@pytest.mark.parametrize("share", [0.2, 0.3, 0.5])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_tight_limit_of_the_file_leaves_a_family(share: float, seed: int) -> None:
    """Whatever the measurements say of those that fitted."""
    supernet = SimulatedSupernet(_SPACE, seed, num_images=200)
    least, most = _file_bytes([_SMALLEST]), _file_bytes([_LARGEST])
    limit = least + share * (most - least)
    family = _search(supernet, max_file_bytes=limit, num_members=4, num_measurements=8, num_generations=1)
    assert 1 <= len(family.members) <= 4
    assert family.file_bytes <= limit


def test_with_as_many_measurements_as_members_one_family_is_measured() -> None:
    family = _search(SimulatedSupernet(_SPACE, 0), num_measurements=3)
    assert 0 < family.num_measured <= 3
    assert len(family.others) == family.num_measured - sum(point.is_found for point in family.members)


def test_limits_that_leave_too_few_subnets_are_told() -> None:
    least = float(_macs(_SPACE.encode([_SMALLEST]))[0])
    with pytest.raises(InputError, match=r"Expected 3 subnets with the same widths, each better than the cheaper"):
        _search(SimulatedSupernet(_SPACE, 0), constraints=[Constraint("macs", 1.0001 * least, _macs)])


def test_accuracies_that_were_computed_are_measured_before_they_count() -> None:
    """As in an integer precision, where most of the table is known from float models only."""
    supernet = SimulatedSupernet(_SPACE, 0)
    table = supernet.table(64)
    computed = _SPACE.canonical_genes(table.genes)[8:]
    table = dataclasses.replace(table, correction=Correction(frozenset(map(tuple, computed.tolist())), 0.01))
    search = FamilySearch(
        _SPACE, fit_predictor(table, "linear"), "macs", _macs, _file_bytes, (), FamilySettings(evolution=_BRIEF)
    )
    family = search.run(supernet.measure, supernet.measure)
    rows = {arch: row for row, arch in enumerate(_SPACE.decode(family.predictor.table.genes))}
    for point in family.members:
        assert not family.predictor.table.is_computed[rows[point.arch]]


def test_costs_are_told_exactly() -> None:
    """The quick cost is half of the exact one for all, and finds the same archs."""
    supernet = SimulatedSupernet(_SPACE, 0)
    search = FamilySearch(
        _SPACE,
        fit_predictor(supernet.table(64), "linear"),
        "macs",
        lambda genes: 0.5 * _macs(genes),
        _file_bytes,
        settings=FamilySettings(evolution=_BRIEF, num_measurements=3),
        exact_cost=_macs,
    )
    for point in search.run(supernet.measure).members:
        assert point.costs["macs"] == num_macs(_SPACE, point.arch, 10)


def test_a_family_whose_file_cannot_be_small_enough_is_refused() -> None:
    least = _file_bytes([_SMALLEST])
    with pytest.raises(InputError, match=rf"of 3 subnets in a file of at most {least - 1:,} bytes. Received: none of"):
        _search(SimulatedSupernet(_SPACE, 0), max_file_bytes=least - 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_members": 1}, "Expected a family of at least 2 members. Received: num_members=1."),
        ({"num_members": 4, "num_measurements": 3}, "`num_measurements` to be at least 4, one for each member."),
        ({"num_widths": 0}, "Expected `num_widths` to be at least 1. Received: num_widths=0."),
        ({"num_generations": -1}, "Expected `num_generations` to be at least 0. Received: num_generations=-1."),
        ({"max_file_bytes": float("nan")}, r"\(--max_family_bytes\) to be a finite number above 0. Received: nan."),
    ],
)
def test_what_is_no_family_is_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        FamilySettings(**settings)  # type: ignore[arg-type]
