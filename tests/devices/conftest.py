"""A real small model, converted once."""

import pytest

from ofa_tf.latency.piece_models import make_piece_models
from ofa_tf.latency.pieces import OVERHEAD, Piece
from ofa_tf.space.presets import get_search_space


@pytest.fixture(scope="session")
def small_model() -> bytes:
    return make_piece_models(get_search_space("mobilenet_v3_tiny"), 10).convert(Piece(OVERHEAD, 8), 1)
