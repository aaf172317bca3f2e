import copy
import dataclasses
import json
import numbers
import pickle
import re
from typing import Any

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search import constraint_kinds, constraints
from ofa_tf.search.constraint_kinds import ConstraintKind, CostContext, limit_flag
from ofa_tf.search.constraints import (
    Constraint,
    Limits,
    check_feasible,
    is_exactly_feasible,
    is_feasible,
    make_constraint,
    make_constraints,
)
from tests.support.spaces import MICRO


class MadeUpFootprint:
    """Sizes and memory that follow from one gene each; the quick answer for memory is 1 too low."""

    def size_bytes(self, genes: np.ndarray) -> np.ndarray:
        return 100 + genes[:, 1]

    def least_peak_ram_bytes(self, genes: np.ndarray) -> np.ndarray:
        return self.peak_ram_bytes(genes) - 1

    def peak_ram_bytes(self, genes: np.ndarray) -> np.ndarray:
        return 10 + genes[:, 2]

    has_arena = False


_CONTEXT = CostContext(MICRO, 10, footprint=MadeUpFootprint())


def test_constraints_come_in_one_order_however_limits_are_given() -> None:
    limits = Limits(peak_ram_bytes=3, macs=1, size_bytes=2)
    constraints = make_constraints(_CONTEXT, limits)
    assert [constraint.name for constraint in constraints] == ["macs", "size_bytes", "peak_ram_bytes"]


def test_what_may_be_a_result_is_measured_exactly() -> None:
    genes = MICRO.sample_genes(np.random.default_rng(0), 20)
    limits = Limits(size_bytes=100, peak_ram_bytes=10)
    constraints = make_constraints(_CONTEXT, limits)

    is_small = genes[:, 1] == 0
    needs_little = genes[:, 2] == 0
    assert 0 < (is_small & needs_little).sum() < is_small.sum() < 20
    np.testing.assert_array_equal(is_feasible(constraints, genes), is_small)
    np.testing.assert_array_equal(is_exactly_feasible(constraints, genes), is_small & needs_little)
    _, peak_ram = constraints
    np.testing.assert_array_equal(peak_ram.measure_exactly(genes), 10 + genes[:, 2])


def test_the_least_limit_is_that_of_what_the_smallest_subnet_needs_exactly() -> None:
    enough = make_constraints(_CONTEXT, Limits(peak_ram_bytes=10))
    check_feasible(MICRO, enough)
    too_little = make_constraints(_CONTEXT, Limits(peak_ram_bytes=9.5))
    message = r"\(--max_peak_ram_bytes\) to be at least 10\.0,.*\(limits must be kept by the smallest subnet\)"
    with pytest.raises(InputError, match=message):
        check_feasible(MICRO, too_little)


def test_sizes_cannot_be_limited_where_nothing_is_known_of_the_models() -> None:
    with pytest.raises(InputError, match=r"Expected a footprint of the models for size_bytes\."):
        make_constraints(CostContext(MICRO, 10), Limits(size_bytes=5))


def test_another_kind_of_limit_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = copy.deepcopy(constraint_kinds.CONSTRAINT_KINDS)
    kinds.register("depth", ConstraintKind("Most blocks.", lambda context: _num_blocks))
    monkeypatch.setattr(constraints, "CONSTRAINT_KINDS", kinds)

    (constraint,) = make_constraints(CostContext(MICRO, 10), Limits(depth=3))
    genes = MICRO.encode([MICRO.smallest(), MICRO.largest()])
    assert is_feasible([constraint], genes).tolist() == [True, False]


def _num_blocks(genes: np.ndarray) -> np.ndarray:
    return MICRO.active_blocks(genes).sum(axis=1)


def test_limits_are_values() -> None:
    limits = Limits(macs=1e6, latency_ms=2)
    assert (limits.latency_ms, limits.macs, limits.size_bytes) == (2, 1e6, None)
    assert limits == Limits(latency_ms=2, macs=1e6, size_bytes=None) != Limits(latency_ms=3, macs=1e6)
    assert len({limits, Limits(latency_ms=2, macs=1e6)}) == 1
    assert pickle.loads(pickle.dumps(limits)) == copy.deepcopy(limits) == limits
    assert repr(limits) == "Limits(latency_ms=2, macs=1000000)"
    assert Limits(latency_ms=0.1234567, macs=1234567).describe() == "latency_ms=0.1234567, macs=1234567"
    with pytest.raises(dataclasses.FrozenInstanceError):
        limits.macs = 2e6
    limits.by_name["macs"] = 2e6
    assert limits.macs == 1e6
    with pytest.raises(AttributeError, match="'Limits' object has no attribute 'flops'"):
        _ = limits.flops


def test_a_limit_of_an_unknown_kind_is_refused() -> None:
    message = r"among \['latency_ms', 'macs', .*\]. Received: flops. If it is your own, load"
    with pytest.raises(InputError, match=message):
        Limits(flops=1e6)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf"), "2", 1j])
def test_a_limit_that_is_no_finite_number_above_0_is_refused(limit: Any) -> None:
    message = rf"Expected the limit of macs to be a finite number above 0\. Received: macs={limit}\. Leave it out"
    with pytest.raises(InputError, match=message):
        Limits(macs=limit)


@pytest.mark.parametrize("limit", [3, 2.5, np.float32(0.5), np.int64(7)])
def test_any_finite_number_above_0_is_a_limit(limit: Any) -> None:
    found = Limits(macs=limit)
    assert found.macs == limit
    assert type(found.macs) is (int if isinstance(limit, numbers.Integral) else float)
    assert json.loads(json.dumps(found.by_name)) == {"macs": limit}


_DIGITS_OF_LIMITS = {
    0.0123401: "0.0124",
    0.0001: "0.0001",
    0.5: "0.5",
    12.5: "12.5",
    12.31: "12.4",
    99.95: "100.0",
    123456.2: "123457",
}


@pytest.mark.parametrize(("value", "shown"), _DIGITS_OF_LIMITS.items())
def test_the_least_limit_has_three_digits_or_is_whole_and_is_never_below_the_value(value: float, shown: str) -> None:
    constraint = Constraint("macs", value / 2, lambda genes: np.full(len(genes), value))
    with pytest.raises(InputError, match=rf"to be at least {re.escape(shown)}, that of the smallest"):
        check_feasible(MICRO, [constraint])
    check_feasible(MICRO, [dataclasses.replace(constraint, limit=float(shown))])


@pytest.mark.parametrize(
    ("value", "margin", "shown"),
    [
        (0.04, 0.25, "0.05"),
        (0.03, 0.08, "0.0325"),  # In floats, 0.0324 / 1.08 is below 0.03.
        (7.0, 0.25, "8.75"),
    ],
)
def test_the_least_limit_is_accepted_with_its_margin(value: float, margin: float, shown: str) -> None:
    constraint = Constraint("macs", 1e-9, lambda genes: np.full(len(genes), value), margin=margin)
    with pytest.raises(InputError, match=rf"to be at least {re.escape(shown)}, that of the smallest"):
        check_feasible(MICRO, [constraint])
    check_feasible(MICRO, [dataclasses.replace(constraint, limit=float(shown))])


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_a_cost_of_the_smallest_subnet_that_is_not_finite_is_refused(value: float) -> None:
    constraint = Constraint("macs", 5.0, lambda genes: np.full(len(genes), value))
    with pytest.raises(InputError, match=rf"Expected macs of the smallest subnet of micro to be finite. .*: {value}\."):
        check_feasible(MICRO, [constraint])


def test_a_limit_of_a_plugin_is_named_by_its_flag() -> None:
    assert limit_flag("macs") == "--max_macs"
    assert limit_flag("num_blocks") == "--limits=num_blocks"


def test_a_margin_is_left_below_the_limit_and_not_added_to_the_value() -> None:
    genes = MICRO.sample_genes(np.random.default_rng(0), 20)
    (constraint,) = make_constraints(_CONTEXT, Limits(peak_ram_bytes=14), {"peak_ram_bytes": 0.25, "macs": 9.0})
    values = 10 + genes[:, 2]
    assert len(np.unique(values[values <= 14])) > 1
    np.testing.assert_array_equal(is_exactly_feasible([constraint], genes), 1.25 * values <= 14)
    np.testing.assert_array_equal(constraint.measure_exactly(genes), values)
    assert constraint.limit == 14
    (too_little,) = make_constraints(_CONTEXT, Limits(peak_ram_bytes=12), {"peak_ram_bytes": 0.25})
    with pytest.raises(InputError, match=r"to be at least 12\.5, that of the smallest .* with a margin of 25\.0%\."):
        check_feasible(MICRO, [too_little])


def test_what_has_no_limit_is_measured_alike() -> None:
    genes = MICRO.sample_genes(np.random.default_rng(0), 20)
    cost = make_constraint(_CONTEXT, "peak_ram_bytes")
    assert is_exactly_feasible([cost], genes).all()
    np.testing.assert_array_equal(cost.measure_exactly(genes), 1 + cost.measure(genes))


def test_a_search_without_any_limit_is_refused() -> None:
    with pytest.raises(InputError, match=r"Expected at least one limit. Received: none. Pass --max_latency_ms=X"):
        Limits()


def test_a_latency_limit_without_a_latency_model_is_refused() -> None:
    with pytest.raises(InputError, match=r"Expected a latency model for latency_ms. Received: none"):
        make_constraints(CostContext(MICRO, 10), Limits(latency_ms=3.0))
