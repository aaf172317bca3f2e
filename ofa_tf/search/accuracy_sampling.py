"""Which subnets an accuracy table is made of, and how it is measured."""

from collections.abc import Callable, Iterable

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_header import Origin
from ofa_tf.search.accuracy_table import AccuracyTable, check_num_images
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace

# Draws in vain, one after the other, after which a space is taken to have no further subnets.
_MAX_DRAWS_IN_VAIN = 10_000


def sample_archs(space: SearchSpace, num_archs: int, seed: int) -> list[Arch]:
    """Archs worth measuring: the largest and smallest at the ends of the image sizes, then random ones.

    No two are the same network; a small space may have fewer than asked for. A larger sample begins with the
    smaller one of the same seed.

    Args:
        space: Search space.
        num_archs: Number of archs.
        seed: Decides the random ones.

    Raises:
        InputError: If `num_archs` is below 1.
    """
    if num_archs < 1:
        raise InputError(f"Expected `num_archs` to be at least 1. Received: num_archs={num_archs}.")

    smallest_size = space.image_sizes[0]
    largest_size = space.image_sizes[-1]
    ends = [
        space.largest(smallest_size),
        space.smallest(smallest_size),
        space.largest(largest_size),
        space.smallest(largest_size),
    ]
    # A dict, as it keeps the order in which networks were first drawn.
    distinct = dict.fromkeys(map(tuple, space.encode(ends).tolist()))

    rng = np.random.default_rng(seed)
    most = min(num_archs, space.count(include_image_sizes=True))
    num_in_vain = 0
    while len(distinct) < most and num_in_vain < _MAX_DRAWS_IN_VAIN:
        num_before = len(distinct)
        drawn = space.canonical_genes(space.sample_genes(rng, most - num_before))
        distinct |= dict.fromkeys(map(tuple, drawn.tolist()))
        num_new = len(distinct) - num_before
        num_in_vain = 0 if num_new else num_in_vain + len(drawn)
    genes = np.array(list(distinct), np.int32)
    return space.decode(genes[:num_archs])


def build_accuracy_table(
    space: SearchSpace,
    archs: Iterable[Arch],
    measure: Callable[[Arch], AccuracyCount],
    *,
    origin: Origin,
    known: AccuracyTable | None = None,
    on_arch: Callable[[Arch, AccuracyCount, bool], None] | None = None,
) -> AccuracyTable:
    """Measure archs one by one, leaving out those that `known` holds already.

    Args:
        space: Search space.
        archs: What to measure, at least one.
        measure: Arch -> what it gets right.
        origin: What decides the measurements.
        known: A table of the same origin to continue.
        on_arch: Called with each arch, its measurement and whether it is a new one.

    Returns:
        The table of all archs of `known`, then of the others.

    Raises:
        InputError: If a measurement is of another number of images than those before.
    """
    measured: dict[tuple[int, ...], AccuracyCount] = {}
    genes, num_correct = [], []
    num_images = None
    if known is not None:
        genes += list(known.genes)
        num_correct += known.num_correct.tolist()
        num_images = known.num_images
        for row, key in enumerate(space.canonical_genes(known.genes).tolist()):
            measured[tuple(key)] = known.measurement(row)

    for arch in archs:
        encoded = space.encode(arch)
        key = tuple(space.canonical_genes(encoded).tolist())
        is_new = key not in measured
        if is_new:
            measurement = measure(arch)
            num_images = num_images or measurement.num_images
            check_num_images(measurement, num_images)
            measured[key] = measurement
            genes.append(encoded)
            num_correct.append(list(measurement.num_correct))
        if on_arch is not None:
            on_arch(arch, measured[key], is_new)

    if num_images is None:
        raise InputError("Expected at least one arch to measure. Received: none. Measure more, or in fewer shards.")
    return AccuracyTable(
        space=space,
        genes=np.array(genes, np.int32),
        num_correct=np.array(num_correct, np.int64),
        num_images=num_images,
        split=origin.split,
        network=origin.network,
        shard=origin.shard,
    )
