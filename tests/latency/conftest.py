"""A latency table made of a formula."""

import pytest

from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.latency.table_builder import build_latency_table
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from tests.support.formula_device import FormulaDevice, piece_models


@pytest.fixture
def space() -> SearchSpace:
    return get_search_space("mobilenet_v3_tiny")


@pytest.fixture
def formula_device() -> FormulaDevice:
    return FormulaDevice()


@pytest.fixture
def table(space: SearchSpace, formula_device: FormulaDevice) -> LatencyTable:
    return build_latency_table(piece_models(space, 10), formula_device)
