"""What the subnets of a family have in common, and what they do not."""

import numpy as np

from ofa_tf.search.family.widths import Widths, width_genes
from ofa_tf.space.presets import get_search_space

TINY = get_search_space("mobilenet_v3_tiny")
RESNET = get_search_space("resnet50d")


def test_widths_are_expand_ratios_and_width_multipliers() -> None:
    genes = TINY.sample_genes(np.random.default_rng(0), 2)
    changed = genes.copy()
    changed[:, width_genes(TINY)] = 0
    for before, after in zip(TINY.decode(genes), TINY.decode(changed), strict=True):
        assert set(after.expand_ratios) == {3}
        assert (after.kernel_sizes, after.depths) == (before.kernel_sizes, before.depths)
    num_blocks = len(RESNET.blocks)
    num_multipliers = len(RESNET.largest().width_multipliers)
    assert len(width_genes(RESNET)) == num_blocks + num_multipliers


def test_archs_get_the_widths_and_keep_the_rest() -> None:
    genes = TINY.sample_genes(np.random.default_rng(1), 20)
    widths = Widths.uniform(TINY, 2)
    shared = widths.of(genes)
    np.testing.assert_array_equal(shared, TINY.canonical_genes(shared))
    others = np.setdiff1d(np.arange(TINY.num_genes), width_genes(TINY))
    np.testing.assert_array_equal(shared[:, others], TINY.canonical_genes(genes)[:, others])
    is_active = TINY.active_genes(shared)[:, width_genes(TINY)]
    assert np.all(shared[:, width_genes(TINY)][is_active] == 2)


def test_blocks_that_an_arch_skips_have_the_width_of_the_next_costlier_arch_with_them() -> None:
    shallow, deep = TINY.smallest(), TINY.largest()
    genes = TINY.canonical_genes(TINY.encode([shallow, deep]))
    widths = Widths.of_front(TINY, genes, 0)
    is_active = TINY.active_genes(genes[0])[width_genes(TINY)]
    assert set(widths.choices[is_active]) == {0}
    assert set(widths.choices[~is_active]) == {2}
    alone = Widths.of_front(TINY, genes[:1], 0)
    assert set(alone.choices[~is_active]) == {1}  # the middle of three


def test_mutations_change_some_choices_to_others_that_there_are() -> None:
    widths = Widths.uniform(TINY, 0)
    mutated = widths.mutated(np.random.default_rng(0), 0.5)
    assert 0 < np.count_nonzero(mutated.choices != widths.choices) < len(widths.choices)
    assert mutated.choices.max() < 3
    np.testing.assert_array_equal(widths.mutated(np.random.default_rng(0), 0.0).choices, widths.choices)
