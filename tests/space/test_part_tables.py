import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.blocks.part_type import PlainPart
from ofa_tf.space.part_tables import PartTables
from ofa_tf.space.presets import get_search_space
from tests.support.networks import two_stage_space

SPACE = two_stage_space()


def number(part: PlainPart, input_size: int) -> int:
    """A number in which a mistake of part or size shows."""
    return input_size * part.in_channels + sum(part.strides)


def combine_slowly(genes: np.ndarray, start: float) -> list[float]:
    totals = []
    for arch in SPACE.decode(genes):
        sizes = SPACE.input_sizes(arch.image_size)
        parts = SPACE.plain_parts(arch)
        totals.append(start + sum(number(part, sizes[name]) for name, part in parts.items()))
    return totals


@pytest.mark.parametrize("start", [0, 7])
def test_numbers_of_the_parts_that_are_there_are_joined_to_the_start(start: int) -> None:
    genes = SPACE.sample_genes(np.random.default_rng(0), 50)
    totals = PartTables(SPACE, number).combine(genes, np.add, start=start)
    assert totals.tolist() == combine_slowly(genes, start)
    assert totals.dtype == np.int64


def test_networks_of_image_sizes_that_are_not_covered_have_no_number() -> None:
    genes = SPACE.sample_genes(np.random.default_rng(0), 50)
    tables = PartTables(SPACE, number, np.float64, is_covered=lambda image_size: image_size != 24)
    totals = tables.combine(genes, np.add)
    is_covered = genes[:, SPACE.image_size_gene] != SPACE.image_sizes.index(24)
    assert 0 < is_covered.sum() < 50
    assert np.isnan(totals[~is_covered]).all()
    np.testing.assert_array_equal(totals[is_covered], combine_slowly(genes[is_covered], 0))


def test_whole_numbers_cannot_say_that_there_is_none() -> None:
    with pytest.raises(InputError, match=r"Received: dtype=int64, numbers for \[17\] of \[17, 24, 28\] px\."):
        PartTables(SPACE, number, is_covered=lambda image_size: image_size == 17)


@pytest.mark.parametrize("join", [np.add, np.maximum])
def test_a_number_does_not_depend_on_what_else_is_looked_up(join: np.ufunc) -> None:
    space = get_search_space("mobilenet_v3_w1.0")
    genes = space.sample_genes(np.random.default_rng(0), 600)
    tables = PartTables(space, lambda part, input_size: 1 / number(part, input_size), np.float64)
    together = tables.combine(genes, join, start=0.3)
    alone = [tables.combine(row[np.newaxis], join, start=0.3)[0] for row in genes]
    np.testing.assert_array_equal(together, alone)
    assert len(tables.combine(genes[:0], join)) == 0
