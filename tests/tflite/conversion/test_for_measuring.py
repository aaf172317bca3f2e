"""Models that are only measured have the types and operators of those that are shipped."""

import dataclasses

import keras
import numpy as np
import pytest

from ofa_tf.tflite.conversion.for_measuring import convert_graph_for_measuring, convert_subnet_for_measuring
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.conversion.representative_images import random_images
from ofa_tf.tflite.graph.keras_reader import read_keras
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.lowering.lowerings import lower
from ofa_tf.tflite.quantization.model_form import FLOAT32_ON_CPU, ModelForm
from ofa_tf.tflite.quantization.modes import INT8, INT16X8, NOT_QUANTIZED, QuantizationMode
from ofa_tf.tflite.quantization.precisions import Precision


def test_a_float_model_is_that_of_to_tflite(subnet: keras.Model, float_model: bytes) -> None:
    graph = lower(read_keras(subnet))
    assert convert_subnet_for_measuring(subnet, FLOAT32_ON_CPU) == float_model
    assert convert_graph_for_measuring(graph, NOT_QUANTIZED) == float_model


@pytest.mark.parametrize(("mode", "dtype"), [(INT8, np.int8), (INT16X8, np.int16)], ids=["int8", "int16x8"])
def test_random_images_set_the_ranges_of_integers(subnet: keras.Model, mode: QuantizationMode, dtype: type) -> None:
    content = convert_subnet_for_measuring(subnet, ModelForm(Precision(mode.name, mode)))
    assert TFLiteModel(content).input_dtype == TFLiteModel(content).output_dtype == dtype
    assert content == to_tflite(subnet, mode.name, [random_images((24, 24, 3))])


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_model_for_measuring_takes_what_the_form_says(precision: str, subnet: keras.Model) -> None:
    content = convert_subnet_for_measuring(subnet, ModelForm.of_names(precision, input_type="uint8"))
    assert TFLiteModel(content).input_dtype == np.uint8


def test_a_model_for_measuring_is_for_the_target_of_the_form(subnet: keras.Model) -> None:
    for_npus = convert_subnet_for_measuring(subnet, ModelForm.of_names("int8", "npu"))
    assert for_npus == to_tflite(subnet, "int8", [random_images((24, 24, 3))], target="npu")
    assert for_npus != convert_subnet_for_measuring(subnet, ModelForm.of_names("int8"))


def test_a_graph_may_leave_its_size_open(subnet: keras.Model) -> None:
    from ai_edge_litert.interpreter import Interpreter

    graph = lower(read_keras(subnet), integer_activations=True)
    graph = dataclasses.replace(graph, input_shape=(None, None, 3))
    interpreter = Interpreter(model_content=convert_graph_for_measuring(graph, INT8))
    (details,) = interpreter.get_input_details()
    assert details["dtype"] == np.int8
    interpreter.resize_tensor_input(details["index"], (1, 40, 40, 3))
    interpreter.allocate_tensors()
    interpreter.invoke()


def test_random_images_are_always_the_same_ones() -> None:
    images = random_images((None, 5, 3))
    assert (images.shape[1:], images.dtype) == ((8, 5, 3), np.float32)
    np.testing.assert_array_equal(images, random_images((None, 5, 3)))
    assert len(np.unique(images)) == images.size
