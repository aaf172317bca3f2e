import numpy as np

from ofa_tf.search.near_clones import differences_from_nearest, least_difference
from ofa_tf.space.presets import get_search_space
from tests.support.spaces import MICRO


def test_a_tenth_of_the_genes_makes_a_difference() -> None:
    space = get_search_space("mobilenet_v3_tiny")
    assert least_difference(space) == round(0.1 * space.num_genes) == 5
    assert least_difference(MICRO) >= 1


def test_differences_are_those_from_the_most_alike() -> None:
    rng = np.random.default_rng(0)
    genes = rng.integers(0, 3, size=(30, 12))
    others = rng.integers(0, 3, size=(20, 12))
    found = differences_from_nearest(genes, others)
    for row in range(30):
        differences = [sum(a != b for a, b in zip(genes[row], other, strict=True)) for other in others]
        assert found[row] == min(differences)
