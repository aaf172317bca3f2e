import dataclasses
import itertools
import json
import re
from collections.abc import Callable

import hypothesis
import hypothesis.extra.numpy
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_macs, num_params
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from tests.support.networks import genes, two_stage_space
from tests.support.spaces import BOTTLENECKS

SPACE = two_stage_space()
W1 = get_search_space("mobilenet_v3_w1.0")


def random_genes(num: int, seed: int = 0) -> np.ndarray:
    return SPACE.sample_genes(np.random.default_rng(seed), num)


# --- structure -----------------------------------------------------------


def test_blocks_name_every_choice() -> None:
    assert [block.name for block in SPACE.blocks] == [
        "stage1_block1",
        "stage1_block2",
        "stage2_block1",
        "stage2_block2",
    ]
    largest = [block.largest for block in SPACE.blocks]
    assert [(block.in_channels, block.out_channels, block.stride) for block in largest] == [
        (8, 16, 2),
        (16, 16, 1),
        (16, 24, 1),
        (24, 24, 1),
    ]
    middle = [block.values("middle_channels") for block in SPACE.blocks]
    assert [values[0].tolist() for values in middle] == [[16, 32], [32, 64], [32, 48, 64], [48, 72, 96]]
    assert all((values == values[0]).all() for values in middle)  # whatever the kernel size
    squeezed = [block.values("squeeze_channels")[0].tolist() for block in SPACE.blocks]
    assert squeezed == [[8, 8], [8, 16], [0, 0, 0], [0, 0, 0]]
    assert [block.has_residual for block in largest] == [False, True, False, True]
    assert [block.values("kernel_size")[:, 0].tolist() for block in SPACE.blocks] == [[3, 5, 7]] * 4


def test_plain_parts_are_the_chosen_ones() -> None:
    arch = Arch("two_stages", 24, (1, 2), (5, 3, 7, 3), (4, 2, 3, 2))

    parts = SPACE.plain_parts(arch)

    names = ["first_block", "stage1_block1", "stage2_block1", "stage2_block2"]
    assert list(parts) == ["stem", *names, "head"]
    chosen = [parts[name] for name in names]
    assert (parts["stem"].out_channels, parts["head"].in_channels, parts["head"].last_width) == (8, 24, 32)
    assert [block.kernel_size for block in chosen] == [3, 5, 7, 3]
    assert [block.middle_channels for block in chosen] == [8, 32, 48, 48]
    assert [block.squeeze_channels for block in chosen] == [0, 8, 0, 0]
    assert [block.has_expand for block in chosen] == [False, True, True, True]
    assert [block.has_residual for block in chosen] == [True, False, False, True]


# --- counting ------------------------------------------------------------


@pytest.mark.parametrize("name", ["mobilenet_v3_w1.0", "mobilenet_v3_w1.2", "mobilenet_v3_tiny"])
def test_preset_has_as_many_subnets_as_the_paper_says(name: str) -> None:
    count = get_search_space(name).count()

    assert count == (9**2 + 9**3 + 9**4) ** 5
    assert f"{count:.2e}" == "2.18e+19"


def test_image_sizes_multiply_the_count() -> None:
    assert W1.count(include_image_sizes=True) == 25 * W1.count()


def test_count_equals_the_number_of_different_networks() -> None:
    everything = [np.arange(count) for count in SPACE.gene_counts]
    all_genes = np.stack(np.meshgrid(*everything, indexing="ij"), -1).reshape(-1, SPACE.num_genes)
    networks = np.unique(SPACE.canonical_genes(all_genes), axis=0)

    assert len(networks) == SPACE.count(include_image_sizes=True)
    # By hand: stage 1 has 3 x 2 choices a block, stage 2 has 3 x 3; one block or two.
    assert SPACE.count() == (6 + 6**2) * (9 + 9**2)


# --- genes ---------------------------------------------------------------


@hypothesis.given(genes(SPACE))
def test_encode_reverses_decode(genes: np.ndarray) -> None:
    arch = SPACE.decode_one(genes)

    assert SPACE.encode(arch).dtype == np.int32
    np.testing.assert_array_equal(SPACE.encode(arch), genes)
    assert SPACE.decode_one(SPACE.encode(arch)) == arch
    for values, choices, entries in (
        ((arch.image_size,), (SPACE.image_sizes,), genes[:1]),
        (arch.depths, [stage.depths for stage in SPACE.stages], genes[SPACE.depth_genes]),
        (
            arch.kernel_sizes,
            SPACE.gene_choices[SPACE.layout.of_field("kernel_sizes")],
            genes[SPACE.layout.of_field("kernel_sizes")],
        ),
        (
            arch.expand_ratios,
            SPACE.gene_choices[SPACE.layout.of_field("expand_ratios")],
            genes[SPACE.layout.of_field("expand_ratios")],
        ),
    ):
        assert list(values) == [choice[entry] for choice, entry in zip(choices, entries, strict=True)]


def test_populations_are_encoded_and_decoded_row_by_row() -> None:
    population = random_genes(20)

    archs = SPACE.decode(population)

    assert archs == [SPACE.decode_one(row) for row in population]
    np.testing.assert_array_equal(SPACE.encode(archs), population)
    np.testing.assert_array_equal(SPACE.encode(iter(archs)), population)
    assert SPACE.encode([]).shape == (0, SPACE.num_genes)
    assert SPACE.decode(population[:0]) == []


@pytest.mark.parametrize(
    ("genes", "message"),
    [
        (np.zeros(5, np.int32), "Expected genes of shape (11,) or (n, 11) for two_stages. Received: shape (5,)."),
        (np.zeros((2, 2, 11), np.int32), "Received: shape (2, 2, 11)."),
        (np.zeros(11), "Expected genes to be whole numbers. Received: an array of dtype float64."),
        (np.array([3] + [0] * 10), "Expected gene 0 to be from 0 to 2. Received: 3."),
        (np.array([0] * 10 + [-1]), "Expected gene 10 to be from 0 to 2. Received: -1."),
        (np.zeros((2, 11), np.int32), "Expected genes of shape (11,). Received: shape (2, 11)."),
    ],
)
def test_genes_that_stand_for_nothing_are_refused(genes: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=f"{re.escape(message)}$"):
        SPACE.decode_one(genes)


def test_a_wrong_row_of_many_is_found() -> None:
    population = random_genes(100)
    population[70, 1] = 2

    with pytest.raises(InputError, match=r"Expected gene 1 to be from 0 to 1\. Received: 2\."):
        SPACE.decode(population)
    with pytest.raises(InputError, match=r"Expected genes of shape \(n, 11\)\. Received: shape \(11,\)\."):
        SPACE.decode(population[0])


def network(arch: Arch) -> tuple:
    """What the network of an arch is made of, told slowly."""
    blocks = [
        (block.name, kernel_size, ratio)
        for block, kernel_size, ratio in zip(SPACE.blocks, arch.kernel_sizes, arch.expand_ratios, strict=True)
        if block.position < arch.depths[block.stage]
    ]
    return (arch.image_size, *blocks)


def test_canonical_forms_are_equal_if_and_only_if_the_networks_are() -> None:
    population = random_genes(400)
    population[:, 0] = 0
    population[:, SPACE.layout.of_field("kernel_sizes")] = np.minimum(
        population[:, SPACE.layout.of_field("kernel_sizes")], 1
    )  # so that some are equal
    archs = SPACE.decode(population)

    canonical, networks = [SPACE.canonical(arch) for arch in archs], [network(arch) for arch in archs]

    assert 100 < len(set(networks)) < 300
    assert len(set(canonical)) == len(set(networks)) == len(set(zip(canonical, networks, strict=True)))


@hypothesis.given(genes(SPACE))
def test_canonical_is_the_same_network_and_idempotent(genes: np.ndarray) -> None:
    before = genes.copy()
    canonical = SPACE.canonical_genes(genes)

    arch = SPACE.decode_one(genes)
    assert network(SPACE.decode_one(canonical)) == network(arch)
    assert SPACE.canonical(SPACE.canonical(arch)) == SPACE.canonical(arch) == SPACE.decode_one(canonical)
    assert np.all(canonical <= genes)
    np.testing.assert_array_equal(genes, before)


def test_active_blocks_are_those_below_the_depth() -> None:
    population = random_genes(50)

    active = SPACE.active_blocks(population)

    for arch, row in zip(SPACE.decode(population), active, strict=True):
        assert list(row) == [block.position < arch.depths[block.stage] for block in SPACE.blocks]
    np.testing.assert_array_equal(SPACE.active_blocks(population[7]), active[7])


@pytest.mark.parametrize("space", [SPACE, BOTTLENECKS, SPACE.of_one(SPACE.smallest())], ids=["all", "wide", "one"])
def test_genes_of_skipped_blocks_do_not_matter_and_all_others_do(space: SearchSpace) -> None:
    population = space.sample_genes(np.random.default_rng(0), 50)

    is_active = space.active_genes(population)

    expected = np.ones_like(is_active)
    for of_blocks in space.block_genes:
        expected[:, of_blocks] = space.active_blocks(population)
    np.testing.assert_array_equal(is_active, expected)
    assert not is_active.all()
    np.testing.assert_array_equal(space.active_genes(population[7]), is_active[7])


# --- drawing -------------------------------------------------------------


def test_sampling_is_a_pure_function_of_the_generator() -> None:
    first = SPACE.sample_genes(np.random.default_rng(3), 50)
    np.random.seed(0)  # noqa: NPY002 - the global state must not matter

    np.testing.assert_array_equal(SPACE.sample_genes(np.random.default_rng(3), 50), first)
    assert SPACE.sample(np.random.default_rng(3)) == SPACE.sample(np.random.default_rng(3))
    assert not np.array_equal(SPACE.sample_genes(np.random.default_rng(4), 50), first)
    assert first.dtype == np.int32


def chi_square_is_small(counts: np.ndarray) -> bool:
    """Whether counts look even: false for an even draw less than once in a million."""
    expected = counts.sum() / counts.size
    freedom = counts.size - 1
    return bool(((counts - expected) ** 2 / expected).sum() < freedom + 7 * np.sqrt(2 * freedom) + 10)


def test_every_choice_is_drawn_evenly_and_independently() -> None:
    population = W1.sample_genes(np.random.default_rng(0), 4000)

    for gene, count in enumerate(W1.gene_counts):
        assert chi_square_is_small(np.bincount(population[:, gene], minlength=count))
    for first, second in itertools.pairwise(range(W1.num_genes)):
        pairs = population[:, first] * W1.gene_counts[second] + population[:, second]
        assert chi_square_is_small(np.bincount(pairs, minlength=W1.gene_counts[first] * W1.gene_counts[second]))


@pytest.mark.parametrize(
    ("kept", "depths", "kernel_sizes", "expand_ratios"),
    [
        ({}, {2, 3, 4}, {3, 5, 7}, {3, 4, 6}),
        ({"kernel_sizes": 1, "depths": 1, "expand_ratios": 1}, {4}, {7}, {6}),
        ({"depths": 2, "expand_ratios": 1}, {3, 4}, {3, 5, 7}, {6}),
        ({"expand_ratios": 2}, {2, 3, 4}, {3, 5, 7}, {4, 6}),
        ({"kernel_sizes": 9}, {2, 3, 4}, {3, 5, 7}, {3, 4, 6}),
    ],
)
def test_sampling_keeps_to_the_largest_choices(kept: dict, depths: set, kernel_sizes: set, expand_ratios: set) -> None:
    rng, lower = np.random.default_rng(0), W1.smallest_indices(**kept)

    archs = [W1.sample(rng, lower) for _ in range(40)]

    assert {value for arch in archs for value in arch.depths} == depths
    assert {value for arch in archs for value in arch.kernel_sizes} == kernel_sizes
    assert {value for arch in archs for value in arch.expand_ratios} == expand_ratios
    assert len({arch.image_size for arch in archs}) > 10


def test_mutation_changes_nothing_at_probability_0_and_redraws_all_at_1() -> None:
    rng, parents = np.random.default_rng(0), random_genes(3000)

    np.testing.assert_array_equal(SPACE.mutate(rng, parents, 0.0, 0.0), parents)

    redrawn = SPACE.mutate(rng, parents, 1.0, 1.0)
    for gene, count in enumerate(SPACE.gene_counts):
        pairs = parents[:, gene] * count + redrawn[:, gene]  # independent of the parent
        assert chi_square_is_small(np.bincount(pairs, minlength=count**2))


def test_mutation_redraws_the_stated_share_of_genes_and_image_sizes() -> None:
    parents = random_genes(4000)
    before = parents.copy()

    changed = SPACE.mutate(np.random.default_rng(1), parents) != parents

    expected = np.full(SPACE.num_genes, 0.1)
    expected[SPACE.image_size_gene] = 0.5
    np.testing.assert_allclose(changed.mean(axis=0), expected * (1 - 1 / SPACE.gene_counts), atol=0.03)
    np.testing.assert_array_equal(parents, before)


def test_children_are_valid_and_take_each_gene_from_a_parent() -> None:
    rng, first, second = np.random.default_rng(0), random_genes(500, 1), random_genes(500, 2)

    children = SPACE.crossover(rng, first, second)

    assert np.all((children == first) | (children == second))
    differs = first != second
    assert 0.45 < (children == first)[differs].mean() < 0.55
    for arch in SPACE.decode(SPACE.mutate(rng, children)):
        SPACE.validate(arch)
    np.testing.assert_array_equal(SPACE.crossover(rng, first, first), first)


def test_extremes_are_the_extreme_choices() -> None:
    largest, smallest = SPACE.largest(), SPACE.smallest(24)

    assert largest == Arch("two_stages", 28, (2, 2), (7, 7, 7, 7), (4, 4, 4, 4))
    assert smallest == Arch("two_stages", 24, (1, 1), (3, 3, 3, 3), (2, 2, 2, 2))
    with pytest.raises(
        InputError, match=r"`image_size\[0\]` to be one of \[17, 24, 28\]\. Received: image_size\[0\]=25"
    ):
        SPACE.largest(25)


# --- checking ------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"space": "proxyless"},
            "Expected an arch of the search space 'mobilenet_v3_w1.0'. Received: one of 'proxyless'.",
        ),
        ({"image_size": 130}, "`image_size[0]` to be one of 128, 132, ..., 224. Received: image_size[0]=130."),
        ({"depths": (4, 4, 4, 4)}, "`depths` to have 5 entries. Received: 4 (depths=(4, 4, 4, 4))."),
        ({"depths": (4, 4, 5, 4, 4)}, "`depths[2]` to be one of [2, 3, 4]. Received: depths[2]=5."),
        ({"kernel_sizes": ()}, "`kernel_sizes` to have 20 entries. Received: 0 (kernel_sizes=())."),
        ({"kernel_sizes": (7,) * 19 + (4,)}, "[3, 5, 7]. Received: kernel_sizes[19]=4."),
        ({"expand_ratios": (6.5, *(6,) * 19)}, "[3, 4, 6]. Received: expand_ratios[0]=6.5."),
        ({"width_multipliers": (1.0,)}, "Expected `width_multipliers` to have 0 entries. Received: 1 "),
        ({"stem_depth": 1}, "Expected `stem_depth` to be left out in mobilenet_v3_w1.0. Received: stem_depth=1."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("check", [W1.validate, W1.encode, W1.plain_parts, W1.canonical])
def test_arch_outside_the_space_is_refused(check: Callable, change: dict, message: str) -> None:
    arch = dataclasses.replace(W1.largest(), **change)
    with pytest.raises(InputError, match=re.escape(message)):
        check(arch)


@pytest.mark.parametrize("wrong", ["max", ["max"], [{"space": "two_stages"}]])
def test_what_is_no_arch_is_refused(wrong: object) -> None:
    with pytest.raises(InputError, match=r"Expected an `Arch`\. Received: "):
        SPACE.encode(wrong)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("image_sizes", (), "`image_sizes` to be positive, distinct and ascending. Received: ()."),
        ("image_sizes", (28, 24), "Received: (28, 24)."),
        ("image_sizes", (0, 24), "Received: (0, 24)."),
        ("image_sizes", 24, "Expected `image_sizes` to be a list of sizes. Received: 24. Put it into brackets."),
        ("stages", (), "Expected at least one stage. Received: stages=()."),
        ("activation", "gelu", "'relu6']. Received: activation='gelu'."),
    ],
)
def test_impossible_space_is_refused(field: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        dataclasses.replace(SPACE, **{field: value})


@pytest.mark.parametrize(
    ("space", "changes", "message"),
    [
        (BOTTLENECKS, {"width_multipliers": (1.0, 0.5)}, "positive, distinct and ascending. Received: (1.0, 0.5)."),
        (BOTTLENECKS, {"width_multipliers": ()}, "Received: width_multipliers=(), has_deep_stem=True, bottleneck"),
        (BOTTLENECKS, {"has_deep_stem": False}, "has_deep_stem=False, bottleneck blocks."),
        (
            BOTTLENECKS,
            {"first_width": 16},
            "blocks of fixed width only. Received: first_width=16, bottleneck blocks. Leave it out",
        ),
        (SPACE, {"width_multipliers": (0.5, 1.0)}, "has_deep_stem=False, mbconv blocks."),
        (
            SPACE,
            {"stages": (*SPACE.stages, *BOTTLENECKS.stages)},
            "of one block type. Received: ['bottleneck', 'mbconv'].",
        ),
    ],
)
def test_space_whose_parts_do_not_go_together_is_refused(space: SearchSpace, changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        dataclasses.replace(space, **changes)


@pytest.mark.parametrize("space", [SPACE, W1], ids=lambda space: space.name)
def test_space_survives_json(space: SearchSpace) -> None:
    again = SearchSpace.from_dict(json.loads(json.dumps(space.to_dict())))

    assert again == space
    assert hash(again) == hash(space)
    assert [part.name for part in again.parts] == [part.name for part in space.parts]
    assert again != dataclasses.replace(space, head_width=8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stages": None}, "Received: others ('NoneType' object is not iterable)."),
        ({"stages": [{"width": 8}]}, "missing 2 required positional arguments: 'stride' and 'activation')."),
        ({"colour": "red"}, "got an unexpected keyword argument 'colour')."),
    ],
)
def test_a_document_of_something_else_is_no_space(change: dict, message: str) -> None:
    document = {**SPACE.to_dict(), **change}
    with pytest.raises(InputError, match=r"^Expected the fields of a search space.*" + re.escape(message)):
        SearchSpace.from_dict(document)


# --- one subnet ----------------------------------------------------------


@pytest.mark.parametrize("space", [SPACE, BOTTLENECKS], ids=lambda space: space.name)
def test_a_space_of_one_subnet_has_its_parts_and_costs_and_no_other_subnet(space: SearchSpace) -> None:
    rng = np.random.default_rng(2)
    for arch in (space.smallest(), space.largest(), *(space.sample(rng) for _ in range(5))):
        alone = space.of_one(arch)

        assert alone.count(include_image_sizes=True) == 1
        assert alone.largest() == alone.smallest() == alone.sample(rng) == alone.canonical(arch) == arch
        assert alone.image_sizes == (arch.image_size,)
        assert {part.name: part.largest for part in alone.parts} == space.plain_parts(arch)
        assert alone.plain_parts(arch) == space.plain_parts(arch)
        assert (num_macs(alone, arch, 5), num_params(alone, arch, 5)) == (
            num_macs(space, arch, 5),
            num_params(space, arch, 5),
        )
        assert SearchSpace.from_dict(json.loads(json.dumps(alone.to_dict()))) == alone


def test_a_space_of_one_subnet_is_another_space_and_has_no_further_ones() -> None:
    alone = SPACE.of_one(SPACE.smallest())
    assert alone not in (SPACE, SPACE.of_one(SPACE.largest()))
    with pytest.raises(InputError, match=r"Expected `depths\[0\]` to be one of \[1\]. Received: depths\[0\]=2"):
        alone.validate(SPACE.largest(SPACE.smallest().image_size))
    with pytest.raises(InputError, match=r"Expected `image_size\[0\]` to be one of"):
        SPACE.of_one(dataclasses.replace(SPACE.largest(), image_size=999))
    data = alone.to_dict()
    data["only"]["depths"] = [9, 9]
    with pytest.raises(InputError, match=r"Received: depths\[0\]=9"):
        SearchSpace.from_dict(data)


def test_the_data_of_a_space_of_all_subnets_is_as_it_was() -> None:
    assert "only" not in SPACE.to_dict()


def test_another_subnet_than_the_one_of_a_space_is_refused_with_the_way_to_it() -> None:
    alone = SPACE.of_one(SPACE.smallest())
    alone.validate(SPACE.smallest())
    message = r"Received: .* The run holds one subnet only, which was trained alone: pass --arch=max"
    for other in (SPACE.largest(), dataclasses.replace(SPACE.smallest(), image_size=SPACE.image_sizes[-1])):
        with pytest.raises(InputError, match=message):
            alone.validate(other)


def test_a_space_of_many_subnets_does_not_speak_of_one() -> None:
    with pytest.raises(InputError) as caught:
        SPACE.validate(dataclasses.replace(SPACE.smallest(), image_size=999))
    assert "one subnet" not in str(caught.value)
