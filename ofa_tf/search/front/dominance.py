"""What better means with several objectives, all of them minimised.

A point *dominates* another one if it is nowhere worse and somewhere better. The points that no other one dominates are
the front of a set; they have rank 0. The front of what is left without them has rank 1, and so on.

moocore, which is written in C, does what takes the time; it is imported where it is used, so that importing this
package stays cheap.
"""

import numpy as np


def find_front(values: np.ndarray) -> np.ndarray:
    """The points that no other one dominates; of equal points, the first.

    Args:
        values: `(n, num_objectives)`, smaller is better.

    Returns:
        Ascending indices of points.
    """
    import moocore

    is_in_front = moocore.is_nondominated(values)
    return np.flatnonzero(is_in_front)


def rank_by_dominance(values: np.ndarray) -> np.ndarray:
    """The rank of each point, int `(n,)`: 0 for the front, 1 for the front of the others, and so on.

    Args:
        values: `(n, num_objectives)`, smaller is better.

    Reference: Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002, section III-A.
    """
    import moocore

    return np.asarray(moocore.pareto_rank(values))


def crowding_distances(values: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """How much room the neighbours in its own front leave to each point: float `(n,)`.

    The distance between the two neighbours of a point, added up over the objectives, each in units of the extent of the
    front. It is infinite at the ends of a front.

    Args:
        values: `(n, num_objectives)`.
        ranks: Which front each point is in, `(n,)`.

    Reference: Deb et al., 2002, section III-B.
    """
    distances = np.zeros(len(values))
    for of_objective in values.T:
        distances += _distances_along(of_objective, ranks)
    return distances


def _distances_along(of_objective: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """The share of one objective in the crowding distances."""
    order = np.lexsort((of_objective, ranks))
    ascending = of_objective[order]

    # The points of each front lie side by side now.
    ascending_ranks = ranks[order]
    is_first = np.diff(ascending_ranks, prepend=-1) > 0
    is_last = np.diff(ascending_ranks, append=len(ranks)) > 0
    front = np.cumsum(is_first) - 1
    extents = ascending[is_last] - ascending[is_first]

    gaps = np.zeros(len(ascending))
    gaps[1:-1] = ascending[2:] - ascending[:-2]
    extent = extents[front]
    shares = np.divide(gaps, extent, out=np.zeros_like(gaps), where=extent > 0)
    shares[is_first | is_last] = np.inf

    distances = np.empty(len(ascending))
    distances[order] = shares
    return distances


def hypervolume(values: np.ndarray, reference: np.ndarray) -> float:
    """How much of the space up to a reference point is dominated by some point; larger is better.

    Args:
        values: `(n, num_objectives)`, smaller is better. Points beyond the reference
            in any objective count nothing.
        reference: `(num_objectives,)`, a point that is worse than all that are of interest.
    """
    import moocore

    if len(values) == 0:
        return 0.0
    return float(moocore.hypervolume(values, ref=reference))
