import itertools

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.presets import get_search_space
from ofa_tf.training.phases import (
    ALL_PHASES,
    NAIVE,
    PHASES,
    SANDWICH,
    Teacher,
    next_phase,
    previous_phase,
    select_phases,
)


def test_phases_shrink_one_dimension_after_the_other() -> None:
    space = get_search_space("mobilenet_v3_tiny")
    sampled = {}
    for phase in PHASES:
        lower = phase.smallest_indices(space)
        first_genes = (
            space.depth_genes.start,
            space.layout.of_field("kernel_sizes").start,
            space.layout.of_field("expand_ratios").start,
        )
        sampled[phase.name] = [space.gene_choices[gene][lower[gene] :] for gene in first_genes]
    assert sampled == {
        "full": [(4,), (7,), (6,)],
        "kernel": [(4,), (3, 5, 7), (6,)],
        "depth_1": [(3, 4), (3, 5, 7), (6,)],
        "depth_2": [(2, 3, 4), (3, 5, 7), (6,)],
        "width_1": [(2, 3, 4), (3, 5, 7), (4, 6)],
        "width_2": [(2, 3, 4), (3, 5, 7), (3, 4, 6)],
    }


def test_every_phase_samples_all_image_sizes() -> None:
    space = get_search_space("mobilenet_v3_tiny")
    assert all(phase.smallest_indices(space)[space.image_size_gene] == 0 for phase in PHASES)


def test_the_full_phase_samples_the_largest_network_only() -> None:
    space = get_search_space("mobilenet_v3_w1.0")
    genes = space.sample_genes(np.random.default_rng(0), 20, PHASES[0].smallest_indices(space))
    assert {space.decode_one(row) for row in genes} <= {space.largest(size) for size in space.image_sizes}


@pytest.mark.parametrize(
    ("kind", "stage", "names"),
    [
        ("all", None, ["full", "kernel", "depth_1", "depth_2", "width_1", "width_2"]),
        ("depth", None, ["depth_1", "depth_2"]),
        ("width", 2, ["width_2"]),
        ("full", 1, ["full"]),
    ],
)
def test_phase_and_stage_select_phases_in_order(kind: str, stage: int | None, names: list[str]) -> None:
    assert [phase.name for phase in select_phases(kind, stage)] == names


def test_the_sandwich_method_has_one_phase_that_samples_all_subnets() -> None:
    space = get_search_space("mobilenet_v3_tiny")
    assert select_phases("all", method="sandwich") == select_phases("sandwich", method="sandwich") == (SANDWICH,)
    assert not SANDWICH.smallest_indices(space).any()
    assert (previous_phase(SANDWICH), next_phase(SANDWICH)) == (None, None)
    assert SANDWICH.flags == "--phase=sandwich"


def test_the_naive_method_has_one_phase_that_samples_all_subnets() -> None:
    space = get_search_space("mobilenet_v3_tiny")
    assert select_phases("all", method="naive") == (NAIVE,)
    assert not NAIVE.smallest_indices(space).any()
    assert (previous_phase(NAIVE), next_phase(NAIVE)) == (None, None)


@pytest.mark.parametrize(("kind", "method"), [("full", "sandwich"), ("sandwich", "progressive_shrinking")])
def test_a_phase_of_another_method_is_refused(kind: str, method: str) -> None:
    with pytest.raises(InputError, match=rf"with --method={method}. Received: --phase={kind}"):
        select_phases(kind, method=method)


def test_an_unknown_method_is_refused() -> None:
    message = r"one of \['progressive_shrinking', 'sandwich', 'naive'\]. Received: --method=bignas"
    with pytest.raises(InputError, match=message):
        select_phases("all", method="bignas")


def test_who_teaches_in_each_phase() -> None:
    teachers = {phase.name: phase.teacher for phase in ALL_PHASES}
    assert teachers.pop("full") is Teacher.NOBODY
    assert teachers.pop("sandwich") is Teacher.LARGEST_OF_STEP
    assert teachers.pop("naive") is Teacher.NOBODY
    assert set(teachers.values()) == {Teacher.FULL_NETWORK}


@pytest.mark.parametrize(
    ("kind", "stage", "message"),
    [
        ("widht", None, "Expected --phase to be one of .*'width', 'all'.*Received: --phase=widht"),
        ("width", 3, r"Expected --stage to be one of \[1, 2\] with --phase=width. Received: --stage=3"),
        ("all", 1, "Received: --stage=1"),
    ],
)
def test_an_unknown_phase_or_stage_is_refused_with_the_valid_ones(kind: str, stage: int | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        select_phases(kind, stage)


def test_each_phase_follows_the_one_before() -> None:
    assert [getattr(previous_phase(phase), "name", None) for phase in PHASES] == [
        None,
        *("full", "kernel", "depth_1", "depth_2", "width_1"),
    ]


def test_phases_know_their_flags_and_their_neighbours() -> None:
    for before, phase in itertools.pairwise(PHASES):
        assert (next_phase(before), previous_phase(phase)) == (phase, before)
    assert (previous_phase(PHASES[0]), next_phase(PHASES[-1])) == (None, None)
    assert [phase.flags for phase in PHASES[1:3]] == ["--phase=kernel", "--phase=depth --stage=1"]
