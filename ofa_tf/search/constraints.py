"""`Limits`, what a user allows, and `Constraint`, a limit that can be checked on genes."""

import dataclasses
import decimal
import math
import numbers
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.base.plugins import PLUGIN_HINT
from ofa_tf.search.constraint_kinds import CONSTRAINT_KINDS, CostContext, Measure, limit_flag
from ofa_tf.space.search_space import SearchSpace

# What every limit must be, and what to do about one that is not.
LIMIT_RULE = "a finite number above 0"
LIMIT_ADVICE = "Leave it out where nothing is to be limited."

_WHOLE_NUMBERS_FROM = 100  # Smaller values are rounded to significant digits, in messages.
_SIGNIFICANT_DIGITS = 3


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
        InputError: If there is no limit at all, one is not a finite number above 0, or
            there is no such kind of limit.
    """

    _items: tuple[tuple[str, float], ...]

    def __init__(self, **limits: float | None) -> None:
        for name in limits:
            check_kind(name)

        items = []
        for name in CONSTRAINT_KINDS:
            limit = limits.get(name)
            if limit is not None:
                items.append((name, _checked(name, limit)))
        object.__setattr__(self, "_items", tuple(items))
        check_any_limit(items)

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
        return f"Limits({self.describe()})"

    def describe(self) -> str:
        """The limits in words: `latency_ms=20, size_bytes=4000000`."""
        return ", ".join(f"{name}={limit:.15g}" for name, limit in self._items)


def check_any_limit(limits: Collection[object]) -> None:
    """Check that something is limited.

    Raises:
        InputError: If there are no limits; it says which flags there are.
    """
    if not limits:
        raise InputError(
            "Expected at least one limit. Received: none. Pass --max_latency_ms=X or another --max_ flag, or "
            "--limits=NAME=X for one of your own; in Python, Limits(latency_ms=X)."
        )


def check_kind(name: str) -> None:
    """Check that there is a kind of limit.

    Raises:
        InputError: If not; it names those that there are.
    """
    if name not in CONSTRAINT_KINDS:
        raise InputError(f"Expected limits to be among {list(CONSTRAINT_KINDS)}. Received: {name}. {PLUGIN_HINT}")


def _checked(name: str, limit: float) -> float:
    """A limit as a number that files can be written with, such as NumPy's cannot.

    Raises:
        InputError: If it is none.
    """
    if not is_limit(limit):
        raise InputError(f"Expected the limit of {name} to be {LIMIT_RULE}. Received: {name}={limit}. {LIMIT_ADVICE}")
    if isinstance(limit, int | np.integer):
        return int(limit)
    return float(limit)


def is_limit(limit: object) -> bool:
    """Whether a value is what every limit must be: a finite number above 0."""
    return isinstance(limit, numbers.Real) and 0 < float(limit) < math.inf


@dataclasses.dataclass(frozen=True)
class Constraint:
    """`measure(genes) * (1 + margin) <= limit`.

    Args:
        name: Name with its unit, such as `latency_ms`.
        limit: Largest value allowed.
        measure: Genes `(n, num_genes)` -> values `(n,)`. For whole populations; may be too
            low where there is an exact measure besides.
        exact_measure: The same, exact, where that takes long; `None`: `measure` is exact.
        margin: By which share of it a value is taken to be higher, as it is a prediction.
    """

    name: str
    limit: float
    measure: Measure
    exact_measure: Measure | None = None
    margin: float = 0.0

    @property
    def largest_value(self) -> float:
        """The largest value that keeps the limit with the margin."""
        return self.limit / (1 + self.margin)

    def measure_exactly(self, genes: np.ndarray) -> np.ndarray:
        """The values of genes `(n, num_genes)`, with which a result is reported and accepted."""
        measure = self.exact_measure or self.measure
        return np.asarray(measure(genes))


def make_constraint(context: CostContext, name: str, limit: float = math.inf, margin: float = 0.0) -> Constraint:
    """The constraint of a kind of cost; without a limit, what measures that cost.

    Args:
        context: What costs depend on.
        name: One of `CONSTRAINT_KINDS`.
        limit: Largest value allowed.
        margin: See `Constraint`.

    Raises:
        InputError: If the context lacks what the cost depends on.
    """
    kind = CONSTRAINT_KINDS[name]
    measure = kind.make_measure(context)
    if measure is None:
        advice = f" {kind.advice}" if kind.advice else ""
        raise InputError(f"Expected a {kind.needs} for {name}. Received: none.{advice}")
    exact_measure = None
    if kind.make_exact_measure is not None:
        exact_measure = kind.make_exact_measure(context)
    return Constraint(name, limit, measure, exact_measure, margin)


def make_constraints(
    context: CostContext, limits: Limits, margins: Mapping[str, float] | None = None
) -> list[Constraint]:
    """Constraints from limits.

    Args:
        context: What costs depend on.
        limits: What is limited, and to how much.
        margins: Name -> margin, see `Constraint`, for those that have one.

    Raises:
        InputError: If something is limited that nothing is known of.
    """
    margin_by_name = margins or {}
    constraints = []
    for name, limit in limits.by_name.items():
        constraints.append(make_constraint(context, name, limit, margin_by_name.get(name, 0.0)))
    return constraints


def is_feasible(constraints: Sequence[Constraint], genes: np.ndarray) -> np.ndarray:
    """Which archs meet all constraints, as far as that can be told quickly: bool `(n,)`."""
    feasible = np.ones(len(genes), bool)
    for constraint in constraints:
        feasible &= constraint.measure(genes) <= constraint.largest_value
    return feasible


def is_exactly_feasible(constraints: Sequence[Constraint], genes: np.ndarray) -> np.ndarray:
    """Which archs meet all constraints: bool `(n,)`. Asked of what may be a search's result."""
    feasible = is_feasible(constraints, genes)
    for constraint in constraints:
        if constraint.exact_measure is None:
            continue
        candidates = np.flatnonzero(feasible)
        values = constraint.measure_exactly(genes[candidates])
        feasible[candidates] = values <= constraint.largest_value
    return feasible


def keep_exactly_feasible(space: SearchSpace, genes: np.ndarray, constraints: Sequence[Constraint]) -> np.ndarray:
    """Those archs that meet all constraints, exactly; where none does, the smallest subnet, which does.

    Args:
        space: Search space.
        genes: Canonical, `(n, num_genes)`.
        constraints: Which the smallest subnet meets, see `check_feasible`.
    """
    kept = genes[is_exactly_feasible(constraints, genes)]
    if len(kept):
        return kept
    return space.canonical_genes(space.encode([space.smallest()]))


def check_feasible(space: SearchSpace, constraints: Sequence[Constraint]) -> None:
    """Check that the smallest subnet meets every constraint.

    Raises:
        InputError: If not, naming the smallest value possible; or if a value of it is not finite.
    """
    smallest = space.encode(space.smallest())[np.newaxis]
    for constraint in constraints:
        value = float(constraint.measure_exactly(smallest)[0])
        if not math.isfinite(value):
            raise InputError(
                f"Expected {constraint.name} of the smallest subnet of {space.name} to be finite. Received: {value}. "
                "Mend what measures it."
            )
        # In this order, a limit that is no number (NaN) is refused, too.
        if constraint.largest_value >= value:
            continue
        name = constraint.name
        margin = ""
        if constraint.margin:
            margin = f" with a margin of {constraint.margin:.1%}"
        raise InputError(
            f"Expected the limit of {name} ({limit_flag(name)}) to be at least {_smallest_limit(constraint, value)}, "
            f"that of the smallest subnet of {space.name}{margin}. Received: {constraint.limit!r}. Allow more "
            "(limits must be kept by the smallest subnet), or use a smaller search space."
        )


def _smallest_limit(constraint: Constraint, value: float) -> float:
    """A number of few digits, as a limit of which the constraint allows `value` with its margin."""
    limit = float(value * (1 + constraint.margin))
    # Rounding of floats may leave the product an ulp too low.
    while limit / (1 + constraint.margin) < value:
        limit = math.nextafter(limit, math.inf)
    return _round_up(limit)


def _round_up(value: float) -> float:
    """A number of few digits that is not below `value`."""
    if value >= _WHOLE_NUMBERS_FROM:
        return math.ceil(value)
    exact = decimal.Decimal(repr(value))
    last_digit = exact.adjusted() - (_SIGNIFICANT_DIGITS - 1)
    step = decimal.Decimal(1).scaleb(last_digit)
    return float(exact.quantize(step, rounding=decimal.ROUND_CEILING))
