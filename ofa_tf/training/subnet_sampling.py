"""Which subnets a phase trains and validates."""

import numpy as np

from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.phases import ALL_PHASES, Phase, Teacher


def draw_subnets(
    space: SearchSpace,
    config: TrainConfig,
    phase: Phase,
    step: int,
) -> np.ndarray:
    """Draw the subnets of a step, all of one image size.

    A pure function of the seed, the phase and the step.

    Args:
        space: The search space of the run.
        config: Seed, number of subnets, and whether the smallest one is always among them. Where the
            largest subnet of a step teaches the others, it is the first, and the smallest the second.
        phase: Decides which choices may be drawn.
        step: Step of the phase, from 0.

    Returns:
        Their genes, int32 `(num_subnets, num_genes)`.
    """
    rng = np.random.default_rng([config.seed, ALL_PHASES.index(phase), step])
    num_subnets = config.phases[phase.name].num_subnets
    smallest = phase.smallest_indices(space)
    genes = space.sample_genes(rng, num_subnets, smallest)
    image_size = genes[0, space.image_size_gene]
    if phase.teacher is Teacher.LARGEST_OF_STEP:
        genes[0] = space.gene_counts - 1
        genes[1] = smallest
    elif config.include_smallest and num_subnets > 1:
        genes[0] = smallest
    genes[:, space.image_size_gene] = image_size
    return genes


def image_size_of(space: SearchSpace, genes: np.ndarray) -> int:
    """The common image size, pixels, of the subnets that `draw_subnets` drew for a step."""
    return space.image_sizes[genes[0, space.image_size_gene]]


def validation_archs(space: SearchSpace, phase: Phase) -> dict[str, Arch]:
    """The smallest and the largest subnet that a phase samples, or the only one, by name."""
    smallest = space.decode_one(phase.smallest_indices(space))
    largest = space.largest()
    if smallest == largest:
        return {"subnet": largest}
    # The largest comes last: its running statistics are the ones that are saved.
    return {"smallest": smallest, "largest": largest}
