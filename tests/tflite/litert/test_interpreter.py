from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.litert.interpreter import TFLiteModel, create_interpreter, create_undelegated_interpreter


def test_path_and_content_give_the_same_logits(float_model: bytes, images: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(float_model)
    np.testing.assert_array_equal(TFLiteModel(path).predict(images), TFLiteModel(float_model).predict(images))


def test_no_images_give_no_logits(float_model: bytes) -> None:
    assert TFLiteModel(float_model).predict(np.zeros((0, 24, 24, 3), np.float32)).shape == (0, 10)


@pytest.mark.parametrize("create", [create_interpreter, create_undelegated_interpreter])
@pytest.mark.parametrize("kind", [ValueError, RuntimeError])
def test_a_model_that_litert_cannot_read_is_refused_by_name(
    create: Callable, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**options: Any) -> None:
        raise kind("an operator it\ndoes not know")

    monkeypatch.setattr("ai_edge_litert.interpreter.Interpreter", refuse)
    message = (
        r"Expected m\.tflite to be a complete TFLite file that LiteRT can run\. Received: an operator it does not "
        r"know\. Write it again with tools/to_tflite\.py\."
    )
    with pytest.raises(InputError, match=message):
        create(b"", "m.tflite")


@pytest.mark.parametrize("kept", [8, 1000, -1])
def test_truncated_file_is_refused(float_model: bytes, kept: int) -> None:
    with pytest.raises(InputError, match=r"complete TFLite file that LiteRT can run\. Received: .*Flatbuffer"):
        TFLiteModel(float_model[:kept])


def test_foreign_and_missing_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "photo.tflite"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(
        InputError, match=r"photo\.tflite to be a TFLite file\. Received: 108 bytes beginning with .*PNG"
    ):
        TFLiteModel(path)
    with pytest.raises(InputError, match=r"none\.tflite\. Received: No such file"):
        TFLiteModel(tmp_path / "none.tflite")


@pytest.mark.parametrize(
    ("wrong", "received"),
    [
        (np.zeros((1, 32, 32, 3), np.float32), r"float32 of shape \(1, 32, 32, 3\)"),
        (np.zeros((1, 24, 24, 3), np.uint8), r"uint8 of shape \(1, 24, 24, 3\)"),
    ],
)
def test_wrong_images_are_refused(float_model: bytes, wrong: np.ndarray, received: str) -> None:
    with pytest.raises(InputError, match=rf"\(n, 24, 24, 3\)\. Received: {received}"):
        TFLiteModel(float_model).predict(wrong)
