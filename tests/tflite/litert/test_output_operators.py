"""What stands behind the last layer changes the numbers of the output as it says, and nothing else."""

import dataclasses

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.conversion.keras_to_tflite import prepare_conversion, to_tflite
from ofa_tf.tflite.graph.output_format import OutputFormat


def _run(content: bytes, images: np.ndarray) -> tuple[str, np.ndarray]:
    """The name of the output, and what it holds for each image."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (taken,) = interpreter.get_input_details()
    (output,) = interpreter.get_output_details()
    scale, zero_point = taken["quantization"]
    outputs = []
    for image in images:
        values = image[np.newaxis]
        if scale:
            limits = np.iinfo(taken["dtype"])
            values = np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max)
        interpreter.set_tensor(taken["index"], values.astype(taken["dtype"]))
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(output["index"])[0])
    return output["name"], np.stack(outputs)


@pytest.fixture(scope="module")
def int8_outputs(subnet: keras.Model, images: np.ndarray) -> np.ndarray:
    name, outputs = _run(to_tflite(subnet, "int8", [images]), images)
    assert (name, outputs.dtype) == ("logits", np.int8)
    return outputs


def _scale_and_zero_point(content: bytes) -> tuple[float, int]:
    (output,) = Interpreter(model_content=content).get_output_details()
    return output["quantization"]


def test_uint8_counts_the_same_steps_from_another_end(
    subnet: keras.Model, images: np.ndarray, int8_outputs: np.ndarray
) -> None:
    content = to_tflite(subnet, "int8", [images], output_format=OutputFormat("uint8"))
    name, outputs = _run(content, images)
    assert (name, outputs.dtype) == ("logits", np.uint8)
    np.testing.assert_array_equal(outputs.astype(int) - 128, int8_outputs.astype(int))
    scale, zero_point = _scale_and_zero_point(to_tflite(subnet, "int8", [images]))
    assert _scale_and_zero_point(content) == (scale, zero_point + 128)


def test_float32_is_what_the_integers_stand_for(
    subnet: keras.Model, images: np.ndarray, int8_outputs: np.ndarray
) -> None:
    name, outputs = _run(to_tflite(subnet, "int8", [images], output_format=OutputFormat("float32")), images)
    assert (name, outputs.dtype) == ("logits", np.float32)
    scale, zero_point = _scale_and_zero_point(to_tflite(subnet, "int8", [images]))
    np.testing.assert_allclose(outputs, scale * (int8_outputs.astype(np.float32) - zero_point), rtol=1e-6)


@pytest.mark.parametrize("quantization", ["none", "float16", "dynamic", "int8", "int16x8"])
def test_probabilities_are_the_softmax_of_the_logits(
    subnet: keras.Model, images: np.ndarray, quantization: str
) -> None:
    logits_format = OutputFormat("float32")
    _, logits = _run(to_tflite(subnet, quantization, [images], output_format=logits_format), images)
    content = to_tflite(subnet, quantization, [images], output_format=OutputFormat(has_softmax=True))
    name, probabilities = _run(content, images)
    powers = np.exp(logits.astype(np.float64))
    assert name == "probabilities"
    np.testing.assert_allclose(probabilities, powers / powers.sum(axis=-1, keepdims=True), atol=1e-6)


def test_integers_of_a_last_layer_that_stays_float_are_refused(subnet: keras.Model, images: np.ndarray) -> None:
    conversion = prepare_conversion(subnet, "int8", [images], output_format=OutputFormat("uint8"))
    last_layer = conversion.graph.nodes[-1].name
    with pytest.raises(InputError, match=r"Expected `output_type` to be 'float32', .* Received: output_type='uint8'"):
        dataclasses.replace(conversion, float_nodes=(last_layer,)).run()


def test_outputs_that_no_model_gives_are_refused(subnet: keras.Model, images: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"`output_type` to be one of .*'uint8'\]. Received: output_type='int4'"):
        OutputFormat("int4")
    with pytest.raises(InputError, match=r"'float32' with a softmax.* Received: output_type='uint8'"):
        OutputFormat("uint8", has_softmax=True)
    for quantization, computed in (("float16", "float32"), ("int16x8", "int16")):
        with pytest.raises(InputError, match=f"quantization='{quantization}', which computes with {computed}. Rec"):
            to_tflite(subnet, quantization, [images], output_format=OutputFormat("int8"))
