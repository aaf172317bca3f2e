import dataclasses

import keras
import numpy as np
import pytest

from ofa_tf.tflite.conversion.conversion import Conversion
from ofa_tf.tflite.conversion.keras_to_tflite import prepare_conversion
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.shipping.layer_errors import LayerError, layer_errors
from ofa_tf.tflite.shipping.mixed_precision import keep_float, keep_named_float


@pytest.fixture(scope="module")
def conversion(subnet: keras.Model, images: np.ndarray) -> Conversion:
    return prepare_conversion(subnet, "int8", [images])


def test_ever_more_layers_and_what_they_take_stay_float_the_worst_first(conversion: Conversion) -> None:
    names = [node.name for node in conversion.graph.nodes]
    added = dict.fromkeys(names, 0.0) | {"stage1_block1_depthwise_bn": 0.4, "classifier": 0.3}
    conversions = list(keep_float(conversion, [LayerError(name, 1.0, added[name]) for name in names]))
    assert len(conversions) == int(np.log2(len(names) / 4)) + 1
    first, second = (set(changed.float_nodes) for changed in conversions[:2])
    assert {"stage1_block1_depthwise_bn", "stage1_block1_expand_relu"} <= first
    assert "classifier" not in first
    assert first | {"classifier"} < second
    assert conversions[0].remedies == (f"{len(first)} of {len(names)} layers float",)


def test_a_convolution_that_is_fused_with_its_relu_stays_float_with_it(
    conversion: Conversion, images: np.ndarray
) -> None:
    content = conversion.run()
    errors = [
        dataclasses.replace(entry, added=float(entry.name == "stage1_block1_expand_relu"))
        for entry in layer_errors(conversion.graph, content, images[:1])
    ]
    assert "stage1_block1_expand_bn" not in {entry.name for entry in errors}  # the int8 model has no such tensor
    shifts = {node.name: np.full_like(node.bias, 100) for node in conversion.graph.nodes if "kernel" in node.weights}
    first = next(keep_float(dataclasses.replace(conversion, bias_shifts=shifts), errors))
    assert {"stage1_block1_expand_relu", "stage1_block1_expand_bn"} <= set(first.float_nodes)
    num_float = len(set(first.float_nodes) & {entry.name for entry in errors})
    assert first.remedies == (f"{num_float} of {len(errors)} layers float",)
    assert num_float < len(first.float_nodes)
    only = dataclasses.replace(first, bias_shifts={"stage1_block1_expand_bn": shifts["stage1_block1_expand_bn"]})
    plain = dataclasses.replace(first, bias_shifts={})
    assert only.run() == plain.run()


def test_layers_that_are_float_already_are_not_chosen_again(conversion: Conversion) -> None:
    names = [node.name for node in conversion.graph.nodes]
    errors = [LayerError(name, 1.0, float(name == "classifier")) for name in names]
    named = keep_named_float(conversion, ["classifier"], errors)
    first = next(keep_float(named, errors))
    assert set(named.float_nodes) < set(first.float_nodes)


def test_the_input_keeps_its_type_when_the_first_layer_stays_float(conversion: Conversion, images: np.ndarray) -> None:
    errors = [
        dataclasses.replace(entry, added=float(entry.name == "stem_bn"))
        for entry in layer_errors(conversion.graph, conversion.run(), images[:1])
    ]
    first = next(keep_float(conversion, errors))
    assert "stem_bn" in first.float_nodes
    assert "images" not in first.float_nodes
    assert TFLiteModel(first.run()).input_dtype == np.int8
