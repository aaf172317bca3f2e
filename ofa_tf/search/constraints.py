"""`Limits`, what a user allows, and `Constraint`, a limit that can be checked on genes."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.base.plugins import PLUGIN_HINT
from ofa_tf.search.constraint_kinds import CONSTRAINT_KINDS, CostContext, Measure, ModelFootprint
from ofa_tf.space.search_space import SearchSpace

_WHOLE_NUMBERS_FROM = 100  # Smaller values are rounded to thousandths, in messages.


@dataclasses.dataclass(frozen=True, init=False, repr=False)
class Limits:
    """Upper limits of a search: `Limits(latency_ms=20, size_bytes=4e6)`.

    Each is an attribute of its name, `None` where nothing is limited: `limits.size_bytes`.

    Args:
        **limits: By the names of `CONSTRAINT_KINDS`; `None` for no limit. These are
            `latency_ms` (predicted, milliseconds), `macs` (multiply-accumulates),
            `size_bytes` (of the model file), `peak_ram_bytes` (of the activations), and
            what else is registered.

    Raises:
        InputError: If there is no limit at all, one is not positive, or there is
            no such kind of limit.
    """

    _items: tuple[tuple[str, float], ...]

    def __init__(self, **limits: float | None) -> None:
        for name in limits:
            if name not in CONSTRAINT_KINDS:
                raise InputError(
                    f"Expected limits to be among {list(CONSTRAINT_KINDS)}. Received: {name}. {PLUGIN_HINT}"
                )

        items = []
        for name in CONSTRAINT_KINDS:
            limit = limits.get(name)
            if limit is not None:
                items.append((name, limit))
        object.__setattr__(self, "_items", tuple(items))
        self._check()

    def _check(self) -> None:
        if not self._items:
            raise InputError(
                "Expected at least one limit. Received: none. Pass --max_latency_ms=X or another --max_ flag, or "
                "--limits=NAME=X for one of your own; in Python, Limits(latency_ms=X)."
            )
        for name, limit in self._items:
            if not limit > 0:
                raise InputError(f"Expected the limit of {name} to be above 0. Received: {limit:g}. Allow more.")

    @property
    def by_name(self) -> dict[str, float]:
        """The limits that were given, in the order of `CONSTRAINT_KINDS`."""
        return dict(self._items)

    def __getattr__(self, name: str) -> float | None:
        """The limit of a name; called for what is no other attribute."""
        if name not in CONSTRAINT_KINDS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self.by_name.get(name)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={limit:g}" for name, limit in self._items)
        return f"Limits({shown})"


@dataclasses.dataclass(frozen=True)
class Constraint:
    """`measure(genes) <= limit`.

    Args:
        name: Name with its unit, such as `latency_ms`.
        limit: Largest value allowed.
        measure: Genes `(n, num_genes)` -> values `(n,)`. For whole populations; may be too
            low where there is an exact measure besides.
        exact_measure: The same, exact, where that takes long; `None`: `measure` is exact.
    """

    name: str
    limit: float
    measure: Measure
    exact_measure: Measure | None = None

    def measure_exactly(self, genes: np.ndarray) -> np.ndarray:
        """The values of genes `(n, num_genes)`, with which a result is reported and accepted."""
        measure = self.exact_measure or self.measure
        return np.asarray(measure(genes))


def make_constraints(
    space: SearchSpace,
    num_classes: int,
    limits: Limits,
    *,
    predict_latency_ms: Callable[[np.ndarray], np.ndarray | float] | None = None,
    footprint: ModelFootprint | None = None,
) -> list[Constraint]:
    """Constraints from limits.

    Args:
        space: Search space.
        num_classes: Number of classes.
        limits: What is limited, and to how much.
        predict_latency_ms: Latencies, milliseconds, of genes `(n, num_genes)`;
            needed if they are limited.
        footprint: File size and memory of the shipped models; needed if one of them is
            limited.

    Raises:
        InputError: If something is limited that nothing is known of.
    """
    context = CostContext(
        space=space,
        num_classes=num_classes,
        predict_latency_ms=predict_latency_ms,
        footprint=footprint,
    )
    constraints = []
    for name, limit in limits.by_name.items():
        kind = CONSTRAINT_KINDS[name]
        measure = kind.make_measure(context)
        if measure is None:
            raise InputError(f"Expected a {kind.needs} for the limit of {name}, {limit:g}. Received: none.")
        exact_measure = kind.make_exact_measure(context) if kind.make_exact_measure else None
        constraints.append(Constraint(name, limit, measure, exact_measure))
    return constraints


def is_feasible(constraints: Sequence[Constraint], genes: np.ndarray) -> np.ndarray:
    """Which archs meet all constraints, as far as that can be told quickly: bool `(n,)`."""
    feasible = np.ones(len(genes), bool)
    for constraint in constraints:
        feasible &= constraint.measure(genes) <= constraint.limit
    return feasible


def is_exactly_feasible(constraints: Sequence[Constraint], genes: np.ndarray) -> np.ndarray:
    """Which archs meet all constraints: bool `(n,)`. Asked of what may be a search's result."""
    feasible = is_feasible(constraints, genes)
    for constraint in constraints:
        if constraint.exact_measure is None:
            continue
        candidates = np.flatnonzero(feasible)
        values = constraint.measure_exactly(genes[candidates])
        feasible[candidates] = values <= constraint.limit
    return feasible


def check_feasible(space: SearchSpace, constraints: Sequence[Constraint]) -> None:
    """Check that the smallest subnet meets every constraint.

    Raises:
        InputError: Naming the smallest value possible.
    """
    smallest = space.encode(space.smallest())[np.newaxis]
    for constraint in constraints:
        value = float(constraint.measure_exactly(smallest)[0])
        # In this order, a limit that is no number (NaN) is refused, too.
        if not constraint.limit >= value:
            raise InputError(
                f"Expected the limit of {constraint.name} to be at least {_round_up(value)}, that of the smallest "
                f"subnet of {space.name}. Received: {constraint.limit!r}. Allow more, or use a smaller search space."
            )


def _round_up(value: float) -> float:
    """A number of few digits that is not below `value`."""
    if value >= _WHOLE_NUMBERS_FROM:
        return math.ceil(value)
    return math.ceil(value * 1000) / 1000
