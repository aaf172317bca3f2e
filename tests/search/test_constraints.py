import copy
import dataclasses
import pickle

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search import constraint_kinds, constraints
from ofa_tf.search.constraint_kinds import ConstraintKind
from ofa_tf.search.constraints import Limits, is_feasible, make_constraints
from ofa_tf.space.costs import estimate_peak_ram_bytes, estimate_size_bytes
from tests.support.spaces import MICRO


def test_constraints_come_in_one_order_however_limits_are_given() -> None:
    limits = Limits(peak_ram_bytes=3, macs=1, size_bytes=2)
    names = [constraint.name for constraint in make_constraints(MICRO, 10, limits)]
    assert names == ["macs", "size_bytes", "peak_ram_bytes"]


def test_weights_and_activations_may_take_different_numbers_of_bytes() -> None:
    genes = MICRO.sample_genes(np.random.default_rng(0), 20)
    limits = Limits(size_bytes=1, peak_ram_bytes=1)
    size, peak_ram = make_constraints(MICRO, 10, limits, bytes_per_weight=1, bytes_per_value=2)
    np.testing.assert_array_equal(size.measure(genes), estimate_size_bytes(MICRO, genes, 10, 1))
    np.testing.assert_array_equal(peak_ram.measure(genes), estimate_peak_ram_bytes(MICRO, genes, 2))


def test_another_kind_of_limit_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = copy.deepcopy(constraint_kinds.CONSTRAINT_KINDS)
    kinds.register("depth", ConstraintKind("Most blocks.", lambda context: _num_blocks))
    monkeypatch.setattr(constraints, "CONSTRAINT_KINDS", kinds)

    (constraint,) = make_constraints(MICRO, 10, Limits(depth=3))
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
    assert repr(limits) == "Limits(latency_ms=2, macs=1e+06)"
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


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_a_limit_that_is_not_positive_is_refused(limit: float) -> None:
    with pytest.raises(InputError, match=r"Expected the limit of macs to be above 0. Received: "):
        Limits(macs=limit)


def test_a_search_without_any_limit_is_refused() -> None:
    with pytest.raises(InputError, match=r"Expected at least one limit. Received: none. Pass --max_latency_ms=X"):
        Limits()


def test_a_latency_limit_without_a_latency_model_is_refused() -> None:
    with pytest.raises(InputError, match=r"Expected a latency model for the limit of latency_ms, 3. Received: none"):
        make_constraints(MICRO, 10, Limits(latency_ms=3.0))
