import struct
from pathlib import Path

import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.litert.metadata import add_metadata, read_metadata
from tests.support.flatbuffers import buffer_places
from tests.support.model_facts import FACTS


def test_facts_come_back_and_the_model_computes_the_same(float_model: bytes, images: np.ndarray) -> None:
    described = add_metadata(float_model, FACTS)
    assert read_metadata(described) == FACTS
    np.testing.assert_array_equal(TFLiteModel(described).predict(images), TFLiteModel(float_model).predict(images))


def test_facts_are_replaced_not_piled_up(float_model: bytes, tmp_path: Path) -> None:
    once = add_metadata(float_model, {**FACTS, "round": 1})
    twice = add_metadata(once, {**FACTS, "round": 2})
    (tmp_path / "m.tflite").write_bytes(twice)
    assert read_metadata(tmp_path / "m.tflite") == {**FACTS, "round": 2}
    assert len(twice) == len(once)


@pytest.mark.parametrize("quantization", ["none", "float16", "dynamic", "int8"])
def test_weights_are_aligned_and_stay_so(subnet: keras.Model, images: np.ndarray, quantization: str) -> None:
    content = to_tflite(subnet, quantization, [images])
    for whole in (content, add_metadata(content, FACTS)):
        places = buffer_places(whole)
        assert max(length for _, length in places) > 10_000
        assert {offset % 16 for offset, _ in places} == {0}


def test_a_model_without_facts_is_named(float_model: bytes, tmp_path: Path) -> None:
    path = tmp_path / "foreign.tflite"
    path.write_bytes(float_model)
    with pytest.raises(InputError, match=r"foreign.tflite to be a model that tools/to_tflite.py wrote, .* without"):
        read_metadata(path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9])
def test_a_truncated_model_is_refused(float_model: bytes, tmp_path: Path, share: float) -> None:
    path = tmp_path / "cut.tflite"
    content = add_metadata(float_model, FACTS)
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"cut.tflite to be a (complete )?TFLite file"):
        read_metadata(path)


def test_a_model_whose_root_points_nowhere_is_refused(float_model: bytes) -> None:
    broken = struct.pack("<I", 2**31 - 1) + float_model[4:]
    with pytest.raises(InputError, match="to be a complete TFLite file"):
        read_metadata(broken)
