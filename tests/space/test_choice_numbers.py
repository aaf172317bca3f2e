import re

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.choice_numbers import ChoiceNumbers
from tests.support.networks import two_stage_space

SPACE = two_stage_space()
NUMBERS = [np.arange(1, count + 1) * 10.0**gene for gene, count in enumerate(SPACE.gene_counts)]


def sum_slowly(genes: np.ndarray) -> float:
    """Every gene has a decimal of its own; those of skipped blocks are left out."""
    total = 0.0
    for gene, choice in enumerate(genes):
        total += NUMBERS[gene][choice]
    active = SPACE.active_blocks(genes)
    for of_blocks in SPACE.block_genes:
        for block, gene in enumerate(range(SPACE.num_genes)[of_blocks]):
            if not active[block]:
                total -= NUMBERS[gene][genes[gene]]
    return total


def test_the_numbers_of_choices_that_count_are_added_up() -> None:
    genes = SPACE.sample_genes(np.random.default_rng(0), 50)
    sums = ChoiceNumbers(SPACE, NUMBERS).sum(genes)
    np.testing.assert_allclose(sums, [sum_slowly(row) for row in genes], rtol=1e-12)
    assert not SPACE.active_blocks(genes).all()


def test_numbers_of_other_genes_are_refused() -> None:
    message = re.escape("genes of two_stages have choices, [3, 2, 2, ") + ".*" + re.escape("Received: [3, 2].")
    with pytest.raises(InputError, match=message):
        ChoiceNumbers(SPACE, NUMBERS[:2])
