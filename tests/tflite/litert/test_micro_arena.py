"""TFLite Micro says what it takes for a model, and which models it does not run."""

import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.litert.flatbuffer import pack_model, unpack_model
from ofa_tf.tflite.litert.micro_arena import is_micro_installed, measure_micro_arena

pytestmark = pytest.mark.skipif(not is_micro_installed(), reason="tflite-micro is not installed")


def test_strips_need_more_than_whole_kernels(subnet: keras.Model, images: np.ndarray) -> None:
    """Which is why models for microcontrollers have none."""
    in_parts = measure_micro_arena(to_tflite(subnet, "int8", [images], target="cpu"))
    whole = measure_micro_arena(to_tflite(subnet, "int8", [images], target="mcu"))
    assert in_parts.head_bytes > whole.head_bytes > 24 * 24 * 3  # the image is part of it
    assert whole.arena_bytes == whole.head_bytes + whole.tail_bytes


def test_operators_that_it_lacks_are_named(subnet: keras.Model, images: np.ndarray) -> None:
    from ai_edge_litert import schema_py_generated as schema

    model = unpack_model(to_tflite(subnet, "int8", [images], target="mcu"))
    for code in model.operatorCodes:
        if code.builtinCode == schema.BuiltinOperator.MEAN:
            code.builtinCode = schema.BuiltinOperator.RELU_0_TO_1
            code.deprecatedBuiltinCode = 127  # says that the other field counts
    with pytest.raises(InputError, match=r"Received: one with operators that it lacks: RELU_0_TO_1\. Take another"):
        measure_micro_arena(pack_model(model))


def test_a_model_that_it_cannot_prepare_is_refused_in_its_own_words(subnet: keras.Model, float_model: bytes) -> None:
    with pytest.raises(InputError, match=r"Received: one of which it says '.*Hybrid models are not supported"):
        measure_micro_arena(to_tflite(subnet, "dynamic"))
    with pytest.raises(InputError, match=r"Expected a model that TFLite Micro runs. Received: one of which it says"):
        measure_micro_arena(float_model[:1000])
