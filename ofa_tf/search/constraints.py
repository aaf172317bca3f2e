"""`Constraint`: an upper limit on something that is computed from genes."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.space.search_space import SearchSpace


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


@dataclasses.dataclass(frozen=True)
class Limits:
    """Upper limits of a search; `None` for no limit.

    Args:
        latency_ms: Of the predicted latency, milliseconds.
        macs: Of the multiply-accumulates.
        size_bytes: Of the estimated size of the weights.
        peak_ram_bytes: Of the estimated memory of the activations.

    Raises:
        InputError: If there is no limit at all, or one is not positive.
    """

    latency_ms: float | None = None
    macs: float | None = None
    size_bytes: float | None = None
    peak_ram_bytes: float | None = None

    def __post_init__(self) -> None:
        if all(limit is None for limit in vars(self).values()):
            raise InputError(
                "Expected at least one limit. Received: none. Pass --max_latency_ms=X or another --max_ flag."
            )
        for name, limit in vars(self).items():
            if limit is not None and not limit > 0:
                raise InputError(f"Expected --max_{name} to be above 0. Received: --max_{name}={limit:g}.")


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
                f"Expected --max_{constraint.name} to be at least {_round_up(value)}, that of the smallest subnet of "
                f"{space.name}. Received: --max_{constraint.name}={constraint.limit!r}. Allow more, or use a smaller "
                "search space."
            )


def _round_up(value: float) -> float:
    """A number of few digits that is not below `value`."""
    return math.ceil(value) if value >= 100 else math.ceil(value * 1000) / 1000
