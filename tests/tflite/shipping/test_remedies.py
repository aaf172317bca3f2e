import dataclasses

import keras
import numpy as np
import pytest

from ofa_tf.tflite.conversion.conversion import Conversion
from ofa_tf.tflite.conversion.keras_to_tflite import prepare_conversion
from ofa_tf.tflite.graph.graph import Graph
from ofa_tf.tflite.quantization.ranges import measure_ranges
from ofa_tf.tflite.shipping.layer_errors import layer_errors
from ofa_tf.tflite.shipping.remedies import apply_remedies
from tests.support.uneven_channels import with_uneven_channels


@pytest.fixture(scope="module")
def conversion(subnet: keras.Model, images: np.ndarray) -> Conversion:
    return prepare_conversion(subnet, "int8", [images])


def _error(conversion: Conversion, images: np.ndarray) -> float:
    """Of the int8 model, where the block with uneven channels ends."""
    errors = {entry.name: entry.error for entry in layer_errors(conversion.graph, conversion.run(), images[:4])}
    return errors["stage1_block1_project_bn"]


def _redrawn(conversion: Conversion, graph: Graph, images: np.ndarray) -> Conversion:
    return dataclasses.replace(conversion, graph=graph, ranges=measure_ranges(graph, [images]))


def test_remedies_rescue_a_network_with_uneven_channels(conversion: Conversion, images: np.ndarray) -> None:
    uneven = _redrawn(conversion, with_uneven_channels(conversion.graph), images)
    rescued = apply_remedies(uneven, [images], lambda changed: _error(changed, images))
    assert "channels equalized" in rescued.remedies
    assert _error(rescued, images) < 0.3 * _error(uneven, images)


def test_remedies_that_do_not_help_are_left_out(conversion: Conversion, images: np.ndarray) -> None:
    calls = iter(range(10))
    assert apply_remedies(conversion, [images], lambda changed: float(next(calls))) is conversion
