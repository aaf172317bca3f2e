"""`Presence`: what of a network at full depth a subnet has."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Presence:
    """Which of several things, such as blocks, subnets have: those that the depths of their stages reach.

    Depths ascend with their genes, so that a thing is there from some value of one gene on. A whole population is
    told by one look-up and one comparison.

    Args:
        depth_genes: The gene that decides about each thing: int `(num_things,)`.
        least: The smallest value of that gene with which the thing is there; 0 for a thing that is always there.
            Of the same shape.
    """

    depth_genes: np.ndarray
    least: np.ndarray

    def of(self, genes: np.ndarray) -> np.ndarray:
        """Which things are there: bool, `genes.shape[:-1] + (num_things,)`."""
        return np.asarray(genes)[..., self.depth_genes] >= self.least
