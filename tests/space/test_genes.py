import numpy as np
import pytest

from ofa_tf.space.arch import Arch
from ofa_tf.space.genes import GeneLayout
from tests.support.networks import two_stage_space
from tests.support.spaces import BOTTLENECKS

LAYOUT = GeneLayout(
    {
        "image_size": [(16, 24)],
        "depths": [(1, 2), (2, 3, 4)],
        "kernel_sizes": [(3, 5)] * 3,
    }
)


def test_groups_lie_one_behind_the_other() -> None:
    assert LAYOUT.num_genes == 6
    assert LAYOUT.fields == ("image_size", "depths", "kernel_sizes")
    assert LAYOUT.counts.tolist() == [2, 2, 3, 2, 2, 2]
    assert LAYOUT.counts.dtype == np.int32
    assert LAYOUT.choices[2] == (2, 3, 4)
    places = np.arange(6)
    assert [places[LAYOUT.of_field(field)].tolist() for field in LAYOUT.fields] == [[0], [1, 2], [3, 4, 5]]
    assert places[LAYOUT.of_field("expand_ratios")].size == 0
    assert [LAYOUT.block_gene("kernel_sizes", block) for block in range(3)] == [3, 4, 5]


def test_an_arch_becomes_indices_of_its_choices_and_back() -> None:
    arch = Arch("s", 24, (1, 4), (5, 3, 5))
    genes = LAYOUT.encode(arch)
    assert genes.tolist() == [1, 0, 2, 1, 0, 1]
    assert genes.dtype == np.int32
    assert LAYOUT.decode(genes) == {"image_size": (24,), "depths": (1, 4), "kernel_sizes": (5, 3, 5)}


def test_an_arch_of_another_length_is_not_cut() -> None:
    with pytest.raises(ValueError, match="zip"):
        LAYOUT.encode(Arch("s", 24, (1, 4), (5, 3)))


def test_elastic_widths_and_the_depth_of_the_stem_have_genes_in_spaces_that_have_them() -> None:
    layout = BOTTLENECKS.layout
    first, *_ = range(layout.num_genes)[layout.of_field("width_multipliers")]
    assert (layout.stem_middle_width_gene, layout.stem_width_gene) == (first, first + 1)
    assert [layout.stage_width_gene(stage) for stage in range(2)] == [first + 2, first + 3]
    assert layout.stem_depth_gene == layout.num_genes - 1

    fixed = two_stage_space().layout
    assert fixed.stem_middle_width_gene is fixed.stem_width_gene is fixed.stem_depth_gene is None
    assert fixed.stage_width_gene(0) is None
