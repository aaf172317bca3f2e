"""Apps that use MediaPipe Tasks: what it loads says there what it says in LiteRT, and what it refuses is known."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.conversion.presets import MEDIAPIPE
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.ship_subnet import ship
from tests.support.apps import classify, needs_mediapipe

pytestmark = needs_mediapipe

NORMALIZATION = ((123.7, 116.3, 103.5), (58.4, 57.1, 57.4))  # a number a channel, as networks are trained with


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (20, 24, 24, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def normalized(pixels: np.ndarray) -> np.ndarray:
    mean, std = np.array(NORMALIZATION, np.float32)
    return (pixels - mean) / std


@pytest.fixture
def pixel_data(data: ExportData, normalized: np.ndarray) -> ExportData:
    return dataclasses.replace(
        data,
        normalization=NORMALIZATION,
        representative_images=lambda: [normalized],
        test_batches=lambda: [(normalized, None)],
    )


@pytest.mark.parametrize("quantization", ["none", "float16", "dynamic", "int8"])
def test_the_preset_says_the_same_with_the_same_names(
    quantization: str,
    subnet: keras.Model,
    arch: Arch,
    pixel_data: ExportData,
    pixels: np.ndarray,
    normalized: np.ndarray,
    tmp_path: Path,
) -> None:
    path = tmp_path / "m.tflite"
    options = ExportOptions(
        quantization,
        input_type=MEDIAPIPE.input_type,
        output_type=MEDIAPIPE.output_type,
        has_softmax=MEDIAPIPE.has_softmax,
        max_accuracy_drop=1.0,
    )
    ship(subnet, arch, path, options, pixel_data)
    expected = np.exp(TFLiteModel(path).predict(normalized))
    names = (tmp_path / "m.labels.txt").read_text().splitlines()

    answers = classify(path, pixels, tmp_path)
    assert len(answers) == len(pixels)
    for answer, probabilities in zip(answers, expected, strict=True):
        best, _, _ = answer[0]
        assert best == probabilities.argmax()
        for index, name, score in answer:
            assert name == names[index] == pixel_data.class_names[index]
            assert score == pytest.approx(probabilities[index], abs=1e-5)


@pytest.mark.parametrize(
    ("quantization", "changed", "reason"),
    [
        ("none", {"input_type": "normalized"}, "Per-channel image normalization is not available"),
        ("int8", {"input_type": "normalized"}, "INT8"),
        ("int8", {"output_type": "int8", "has_softmax": False}, "found INT8"),
    ],
)
def test_what_mediapipe_refuses(
    quantization: str,
    changed: dict[str, object],
    reason: str,
    subnet: keras.Model,
    arch: Arch,
    pixel_data: ExportData,
    pixels: np.ndarray,
    tmp_path: Path,
) -> None:
    """Were one of these accepted, docs/export.md and the preset would be out of date."""
    path = tmp_path / "m.tflite"
    settings = {**dataclasses.asdict(MEDIAPIPE), **changed}
    del settings["description"]
    ship(subnet, arch, path, ExportOptions(quantization, max_accuracy_drop=1.0, **settings), pixel_data)
    answer = classify(path, pixels, tmp_path)
    assert reason in answer["error"]
