"""`Constraint`: an upper limit on something that is computed from genes."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ofa_tf.errors import InputError
from ofa_tf.search_space import SearchSpace


@dataclasses.dataclass(frozen=True)
class Constraint:
    """`measure(genes) <= limit`.

    Args:
        name: Name with its unit, such as `latency_ms`.
        limit: Largest value allowed.
        measure: Genes `(n, num_genes)` -> values `(n,)`.
    """

    name: str
    limit: float
    measure: Callable[[np.ndarray], np.ndarray]


def is_feasible(constraints: Sequence[Constraint], genes: np.ndarray) -> np.ndarray:
    """Which archs meet all constraints: bool `(n,)`."""
    feasible = np.ones(len(genes), bool)
    for constraint in constraints:
        feasible &= constraint.measure(genes) <= constraint.limit
    return feasible


def check_feasible(space: SearchSpace, constraints: Sequence[Constraint]) -> None:
    """Check that the smallest subnet meets every constraint.

    Raises:
        InputError: Naming the smallest value possible.
    """
    smallest = space.encode(space.smallest())[None]
    for constraint in constraints:
        value = float(constraint.measure(smallest)[0])
        if not constraint.limit >= value:
            raise InputError(
                f"Expected --max_{constraint.name} to be at least {_round_up(value):g}, that of the smallest subnet of "
                f"{space.name}. Received: --max_{constraint.name}={constraint.limit:g}. Allow more, or use a smaller "
                "search space."
            )


def _round_up(value: float) -> float:
    if value >= 100:
        return float(np.ceil(value))
    return float(np.ceil(value * 1000) / 1000)
