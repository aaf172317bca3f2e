import concurrent.futures
import os
import sys

import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.litert.delegation import inspect_delegation
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from tests.support.networks import randomize
from tests.support.spaces import BOTTLENECKS, SMALL


def _relative_error(model: bytes, subnet: keras.Model, images: np.ndarray) -> float:
    expected = np.asarray(subnet(images, training=False))
    return float(np.abs(TFLiteModel(model).predict(images) - expected).max() / np.abs(expected).max())


def _correlation(model: bytes, subnet: keras.Model, images: np.ndarray) -> float:
    expected = np.asarray(subnet(images, training=False))
    return float(np.corrcoef(TFLiteModel(model).predict(images).ravel(), expected.ravel())[0, 1])


def test_float_model_computes_what_the_keras_subnet_computes(
    float_model: bytes, subnet: keras.Model, images: np.ndarray
) -> None:
    assert _relative_error(float_model, subnet, images) < 1e-4


def test_model_has_batch_one_and_the_subnets_sizes(float_model: bytes) -> None:
    model = TFLiteModel(float_model)
    assert (model.image_size, model.num_classes) == (24, 10)
    assert model.input_dtype == model.output_dtype == np.float32


@pytest.mark.parametrize(
    ("quantization", "largest_share", "largest_error"), [("float16", 0.55, 0.02), ("dynamic", 0.4, 0.15)]
)
def test_weight_quantization_shrinks_the_file_and_keeps_float_inputs(
    quantization: str,
    largest_share: float,
    largest_error: float,
    float_model: bytes,
    subnet: keras.Model,
    images: np.ndarray,
) -> None:
    model = to_tflite(subnet, quantization)
    assert len(model) < largest_share * len(float_model)
    assert TFLiteModel(model).input_dtype == np.float32
    assert inspect_delegation(model).undelegated == {}
    assert _relative_error(model, subnet, images) < largest_error


def test_int8_model_is_int8_from_input_to_output(subnet: keras.Model, images: np.ndarray) -> None:
    model = to_tflite(subnet, "int8", iter([images[:5], images[:0], images[5:]]))
    assert TFLiteModel(model).input_dtype == TFLiteModel(model).output_dtype == np.int8
    assert _correlation(model, subnet, images) > 0.95


def test_int8_weights_are_quantized_per_channel(subnet: keras.Model, images: np.ndarray) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=to_tflite(subnet, "int8", [images[:2]]))
    scales = [len(tensor["quantization_parameters"]["scales"]) for tensor in interpreter.get_tensor_details()]
    assert max(scales) >= 480  # one scale for each channel of the last convolution


@pytest.mark.parametrize("lowering", ["all", "none", ["fold_batch_norm"], ["hard_sigmoid"]], ids=str)
@pytest.mark.parametrize("space", [SMALL, BOTTLENECKS], ids=lambda space: space.name)
def test_integer_models_are_near_the_network_whatever_is_rewritten(space: SearchSpace, lowering: str) -> None:
    model = build_subnet(space, space.smallest(), 5)
    randomize(model, 0)
    images = np.random.default_rng(0).standard_normal((6, *model.input_shape[1:]), dtype=np.float32)
    expected = np.asarray(model(images))
    for quantization, most in (("int8", 0.1), ("int16x8", 0.05)):
        actual = TFLiteModel(to_tflite(model, quantization, [images], lowering=lowering)).predict(images)
        assert np.abs(actual - expected).mean() < most * np.abs(expected).mean()


def test_int16x8_is_more_exact_than_int8(subnet: keras.Model, images: np.ndarray) -> None:
    models = {name: to_tflite(subnet, name, [images]) for name in ("int8", "int16x8")}
    assert TFLiteModel(models["int16x8"]).input_dtype == TFLiteModel(models["int16x8"]).output_dtype == np.int16
    expected = np.asarray(subnet(images, training=False))
    errors = {name: np.abs(TFLiteModel(model).predict(images) - expected).mean() for name, model in models.items()}
    assert errors["int16x8"] < 0.5 * errors["int8"]  # what is left is the rounding of the weights


def test_int16x8_does_not_take_uint8(subnet: keras.Model, images: np.ndarray) -> None:
    camera = InputFormat("uint8", (127.5,) * 3, (127.5,) * 3)
    with pytest.raises(InputError, match=r"with quantization='int16x8'.* Received: input_type='uint8'"):
        to_tflite(subnet, "int16x8", [images], input_format=camera)


def test_the_converters_messages_stay_off_stderr(
    subnet: keras.Model, images: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    to_tflite(subnet, "dynamic")
    to_tflite(subnet, "int8", [images])
    assert capfd.readouterr().err == ""


def test_unknown_quantization_is_named(subnet: keras.Model) -> None:
    with pytest.raises(InputError, match=r"Expected `quantization` to be one of .*int8.*Received: .*'int4'"):
        to_tflite(subnet, "int4")


@pytest.mark.parametrize(
    ("wrong", "received"),
    [
        (None, r"Received: none\. Pass some"),
        ([], r"Received: no image at all"),
        ([np.zeros((0, 24, 24, 3), np.float32)], r"Received: no image at all"),
        ([np.zeros((2, 32, 32, 3), np.float32)], r"\(n, 24, 24, 3\)\. Received: shape \(2, 32, 32, 3\)"),
        ([np.zeros((24, 24, 3), np.float32)], r"Received: shape \(24, 24, 3\)"),
        ([np.zeros((2, 24, 24, 3), np.uint8)], r"Received: uint8"),
        ([np.full((1, 24, 24, 3), np.nan, np.float32)], r"Received: NaN"),
    ],
)
def test_unusable_representative_images_are_refused(
    wrong: list[np.ndarray] | None, received: str, subnet: keras.Model
) -> None:
    with pytest.raises(InputError, match=received):
        to_tflite(subnet, "int8", wrong)


def test_a_model_without_a_fixed_input_size_is_refused() -> None:
    inputs = keras.Input((None, None, 3))
    with pytest.raises(InputError, match=r"fixed size. Received: Functional with the input \(None, None, None, 3\)"):
        to_tflite(keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs)))


def test_unknown_targets_are_named(subnet: keras.Model) -> None:
    with pytest.raises(InputError, match=r"Expected `target` to be one of \['cpu', .*\]. Received: target='tpu'"):
        to_tflite(subnet, target="tpu")


def test_two_threads_convert_at_once_and_leave_stderr_as_it_was(
    subnet: keras.Model, images: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    alone = TFLiteModel(to_tflite(subnet, "int8", [images])).predict(images)
    python_stderr, before = sys.stderr, os.fstat(2)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            exports = [pool.submit(to_tflite, subnet, "int8", [images]) for _ in range(2)]
            for export in exports:
                np.testing.assert_array_equal(TFLiteModel(export.result()).predict(images), alone)
    after = os.fstat(2)
    assert (after.st_dev, after.st_ino) == (before.st_dev, before.st_ino)
    assert sys.stderr is python_stderr
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"
