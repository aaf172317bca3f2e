"""Models that normalise images themselves."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.graph.keras_reader import read_keras
from ofa_tf.tflite.graph.tensorflow_runner import run_graph
from ofa_tf.tflite.litert.delegation import inspect_delegation
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.litert.metadata import add_metadata
from ofa_tf.tflite.lowering.lowerings import lower
from ofa_tf.tflite.shipping.sidecar import describe
from tests.support.networks import assert_close

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
FLOAT, UINT8 = InputFormat("float32", MEAN, STD), InputFormat("uint8", MEAN, STD)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """What a camera gives."""
    return np.random.default_rng(1).integers(0, 256, (6, 24, 24, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def normalized(pixels: np.ndarray) -> np.ndarray:
    return ((pixels - np.array(MEAN)) / np.array(STD)).astype(np.float32)


def _run(content: bytes, images: np.ndarray) -> np.ndarray:
    """What an app does that knows nothing of normalisation."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for image in images:
        assert image.dtype == inputs["dtype"]
        interpreter.set_tensor(inputs["index"], image[np.newaxis])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(outputs["index"])[0])
    scale, zero_point = outputs["quantization"]
    return (np.stack(rows).astype(np.float32) - zero_point) * (scale or 1)


def test_a_float_model_takes_pixels_from_0_to_1(
    subnet: keras.Model, pixels: np.ndarray, normalized: np.ndarray
) -> None:
    content = to_tflite(subnet, input_format=FLOAT)
    assert_close(_run(content, pixels.astype(np.float32) / np.float32(255)), subnet(normalized), 1e-4)
    assert inspect_delegation(content).num_partitions == 1


def test_a_float_model_takes_bytes(subnet: keras.Model, pixels: np.ndarray, normalized: np.ndarray) -> None:
    assert_close(_run(to_tflite(subnet, input_format=UINT8), pixels), subnet(normalized), 1e-4)


def test_an_int8_model_takes_bytes_as_they_are(subnet: keras.Model, pixels: np.ndarray, normalized: np.ndarray) -> None:
    dark = normalized[:4] * 0.1  # images without black and white set the ranges
    content = to_tflite(subnet, "int8", [normalized, dark], input_format=UINT8)
    details = Interpreter(model_content=content).get_input_details()[0]
    assert (details["dtype"], details["quantization"]) == (np.uint8, (1.0, 0))
    expected = np.asarray(subnet(normalized))
    assert np.corrcoef(_run(content, pixels).ravel(), expected.ravel())[0, 1] > 0.95
    assert inspect_delegation(content).num_partitions == 1


def test_normalisation_becomes_part_of_the_first_weights(subnet: keras.Model, normalized: np.ndarray) -> None:
    graph = lower(UINT8.prepend_to(read_keras(subnet)))
    assert "scale" not in [node.op for node in graph.nodes]
    assert_close(run_graph(graph, UINT8.denormalize(normalized)), subnet(normalized))
    plain = lower(FLOAT.prepend_to(read_keras(subnet)), "none")
    assert_close(run_graph(plain, FLOAT.denormalize(normalized)), subnet(normalized))


@pytest.mark.parametrize("input_format", [InputFormat(), FLOAT, UINT8], ids=lambda form: form.input_type)
def test_predict_takes_normalised_images_whatever_the_model_takes(
    input_format: InputFormat, subnet: keras.Model, arch: Arch, normalized: np.ndarray
) -> None:
    content = add_metadata(
        to_tflite(subnet, input_format=input_format), describe(arch, ExportOptions(), 10, input_format)
    )
    model = TFLiteModel(content)
    assert model.input_format == input_format
    assert_close(model.predict(normalized), subnet(normalized), 1e-4)


def test_rounding_changes_only_what_a_camera_does_not_give(normalized: np.ndarray) -> None:
    np.testing.assert_allclose(UINT8.round(normalized), normalized, atol=1e-5)
    moved = UINT8.round(normalized + 0.3 / 58)
    np.testing.assert_allclose(moved, normalized, atol=1e-5)
    np.testing.assert_array_equal(FLOAT.round(normalized), normalized)


def test_wrong_formats_are_refused() -> None:
    with pytest.raises(InputError, match=r"`input_type` to be one of .*Received: input_type='float16'"):
        InputFormat("float16")
    with pytest.raises(InputError, match=r"`std` to be above 0. Received: std=\(0.0,\)"):
        InputFormat("uint8", (1.0,), (0.0,))
    with pytest.raises(InputError, match=r"one number a channel, for input_type='uint8'. Received: mean=\(\), std="):
        InputFormat("uint8")
