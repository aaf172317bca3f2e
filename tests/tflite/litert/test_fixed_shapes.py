"""A file with a signature for each input shape computes what the model does when its input is resized."""

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.latency.piece_models import make_piece_models
from ofa_tf.latency.pieces import Piece, distinct_pieces
from ofa_tf.space.presets import get_search_space
from ofa_tf.tflite.litert.fixed_shapes import with_input_shape
from ofa_tf.tflite.litert.flatbuffer import unpack_model
from ofa_tf.tflite.litert.interpreter import create_interpreter
from ofa_tf.tflite.litert.merged_model import merge_models

SIZES = (8, 12, 16)


@pytest.fixture(scope="module", params=["float32", "int8"])
def piece_model(request: pytest.FixtureRequest) -> tuple[Piece, bytes]:
    """A block with a stride, squeeze and excitation."""
    space = get_search_space("mobilenet_v3_tiny")
    blocks = [piece for piece, _ in distinct_pieces(space, space.image_sizes) if "_s2_" in piece.key]
    piece = next(piece for piece in blocks if "_se" in piece.key)
    return piece, make_piece_models(space, 10, request.param).convert(piece, 16)


def test_each_signature_computes_what_the_resized_model_does(piece_model: tuple[Piece, bytes]) -> None:
    piece, content = piece_model
    shapes = {f"size_{size}": (1, size, size, piece.in_channels) for size in SIZES}
    merged = merge_models({name: with_input_shape(content, shape) for name, shape in shapes.items()})
    assert len(merged) < 1.5 * len(content)  # weights are in it once
    interpreter = create_interpreter(merged, "merged", 1)
    for name, shape in shapes.items():
        images, expected = _run_resized(content, shape)
        outputs = interpreter.get_signature_runner(name)(images=images)
        np.testing.assert_array_equal(outputs["scores"], expected)


def test_no_shape_is_left_open(piece_model: tuple[Piece, bytes]) -> None:
    piece, content = piece_model
    shape = (1, 12, 12, piece.in_channels)
    model = unpack_model(with_input_shape(content, shape))
    tensors = model.subgraphs[0].tensors
    assert tuple(tensors[model.subgraphs[0].inputs[0]].shape) == shape
    assert all(tensor.shapeSignature is None for tensor in tensors)


def test_a_shape_that_the_model_does_not_take_is_told(piece_model: tuple[Piece, bytes]) -> None:
    piece, content = piece_model
    wrong = piece.in_channels + 1
    with pytest.raises(InputError, match=rf"Expected the piece to take an input of shape \(1, 8, 8, {wrong}\)"):
        with_input_shape(content, (1, 8, 8, wrong), "the piece")


def test_a_file_of_several_graphs_is_no_such_model(piece_model: tuple[Piece, bytes]) -> None:
    piece, content = piece_model
    merged = merge_models({"one": content, "two": content})
    with pytest.raises(InputError, match=r"a model of one graph with one input, .* Received: 2 graphs, the first"):
        with_input_shape(merged, (1, 8, 8, piece.in_channels))


def _run_resized(content: bytes, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Random inputs, and what the model makes of them."""
    interpreter = create_interpreter(content, "model", 1)
    details = interpreter.get_input_details()[0]
    interpreter.resize_tensor_input(details["index"], shape)
    interpreter.allocate_tensors()
    scale = 1 if details["dtype"] == np.float32 else 100
    images = (scale * np.random.default_rng(0).uniform(-1, 1, shape)).astype(details["dtype"])
    interpreter.set_tensor(details["index"], images)
    interpreter.invoke()
    return images, interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
