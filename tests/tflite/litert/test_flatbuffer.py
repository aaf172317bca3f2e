"""Files hold what their models say, and equal vectors and strings once."""

from typing import Any

import keras
import numpy as np
import pytest

from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.litert.flatbuffer import _SharingBuilder, pack_model, unpack_model
from tests.support.flatbuffers import buffer_places


@pytest.fixture(scope="module")
def int8_model(subnet: keras.Model, images: np.ndarray) -> bytes:
    return to_tflite(subnet, "int8", [images])


def test_a_file_that_is_unpacked_and_packed_again_is_the_same(int8_model: bytes) -> None:
    assert pack_model(unpack_model(int8_model)) == int8_model


def test_equal_vectors_and_strings_are_written_once(int8_model: bytes, images: np.ndarray) -> None:
    """A tensor of zero points and a name that other tensors have add next to nothing."""
    model = unpack_model(int8_model)
    many = max(_quantized_tensors(model), key=_num_zero_points)
    few = min(_quantized_tensors(model), key=_num_zero_points)
    num_zero_points = _num_zero_points(many)
    assert num_zero_points > 40
    few.quantization.zeroPoint = np.zeros(num_zero_points, np.int64)
    few.quantization.scale = np.array(many.quantization.scale)
    few.name = many.name
    assert len(pack_model(model)) <= len(int8_model)

    other = unpack_model(int8_model)
    few = min(_quantized_tensors(other), key=_num_zero_points)
    few.quantization.zeroPoint = np.arange(num_zero_points)
    assert len(pack_model(other)) >= len(int8_model) + 8 * (num_zero_points - 1)


def _quantized_tensors(model: Any) -> list[Any]:
    return [tensor for tensor in model.subgraphs[0].tensors if _num_zero_points(tensor)]


def _num_zero_points(tensor: Any) -> int:
    if tensor.quantization is None or tensor.quantization.zeroPoint is None:
        return 0
    return len(tensor.quantization.zeroPoint)


def test_vectors_of_other_types_and_strings_of_the_same_bytes_are_kept_apart() -> None:
    builder = _SharingBuilder(64)
    zeros = [builder.CreateNumpyVector(np.zeros(2, dtype)) for dtype in (np.int32, np.int64, np.float32)]
    zeros.append(builder.CreateNumpyVector(np.zeros(4, np.int32)))
    zeros.append(builder.CreateString(bytes(8).decode()))
    assert len(set(zeros)) == len(zeros)
    assert builder.CreateNumpyVector(np.zeros(2, np.int64)) == zeros[1]


def test_equal_weights_of_two_layers_keep_buffers_of_their_own(int8_model: bytes) -> None:
    """XNNPACK's weight cache knows weights by their bytes, and would miss that scales differ."""
    model = unpack_model(int8_model)
    full = [buffer for buffer in model.buffers if buffer.data is not None and len(buffer.data) > 64]
    full[1].data = full[0].data
    offsets = [offset for offset, _ in buffer_places(pack_model(model))]
    assert len(set(offsets)) == len(offsets)


def test_data_are_inside_the_flatbuffer(int8_model: bytes) -> None:
    """LiteRT Quantizer writes large weights behind it, where older runtimes do not look."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(int8_model)
    buffers = [model.Buffers(index) for index in range(model.BuffersLength())]
    assert all(buffer.Size() == 0 for buffer in buffers)
    assert max(buffer.DataLength() for buffer in buffers) > 10_000
