import dataclasses

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from ofa_tf.base.errors import InputError
from ofa_tf.latency.piece_models import build_piece, make_piece_models
from ofa_tf.latency.pieces import OVERHEAD, Piece
from ofa_tf.space.blocks.bottleneck import Bottleneck
from ofa_tf.space.blocks.deep_stem import DeepStem
from ofa_tf.space.presets import get_search_space
from ofa_tf.tflite.conversion.converter import convert_float_graph
from ofa_tf.tflite.graph.keras_reader import read_keras
from ofa_tf.tflite.litert.delegation import inspect_delegation
from ofa_tf.tflite.lowering.lowerings import lower
from ofa_tf.tflite.quantization.model_form import ModelForm

SPACE = get_search_space("mobilenet_v3_tiny")


def _run(model: bytes, values: np.ndarray) -> tuple[np.ndarray, int]:
    """Output, and number of parts that XNNPACK took over."""
    interpreter = Interpreter(model_content=model)
    tensor = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(tensor, values.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(tensor, values)
    interpreter.invoke()
    operators = [operator["op_name"] for operator in interpreter._get_ops_details()]
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), operators.count("DELEGATE")


def _piece(block: int, kernel: int) -> Piece:
    return Piece.of_part(SPACE.blocks[block].options[kernel, 0])


_BOTTLENECKS = [Bottleneck(24, 16, 32, 2, True), Bottleneck(32, 16, 32, 1, False), DeepStem(8, 16, 1)]
_PIECES = [
    _piece(4, 1),
    _piece(5, 0),
    _piece(4, 2),
    _piece(5, 2),
    *(Piece.of_part(SPACE.parts[index].largest) for index in (0, 1, -1)),
]


@pytest.mark.parametrize("piece", [*_PIECES, *map(Piece.of_part, _BOTTLENECKS)], ids=lambda p: p.key)
def test_resized_piece_equals_piece_of_fixed_size(piece: Piece) -> None:
    model = build_piece(piece, SPACE, num_classes=10)
    graph = lower(read_keras(model))
    flexible = convert_float_graph(graph)
    for size in (6, 9):
        values = np.random.default_rng(size).standard_normal((1, size, size, piece.in_channels), dtype=np.float32)
        fixed = convert_float_graph(dataclasses.replace(graph, input_shape=(size, size, piece.in_channels)))
        resized_output, resized_parts = _run(flexible, values)
        fixed_output, fixed_parts = _run(fixed, values)
        np.testing.assert_array_equal(resized_output, fixed_output)
        assert resized_parts == fixed_parts == 1
        np.testing.assert_allclose(resized_output, np.asarray(model(values)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kernel", [1, 2])
def test_int8_piece_takes_int8_at_any_size(kernel: int) -> None:
    piece = _piece(4, kernel)
    model = make_piece_models(SPACE, 10, "int8").convert(piece, 11)
    output, parts = _run(model, np.zeros((1, 11, 11, piece.in_channels), np.int8))
    assert (output.dtype, output.shape[:3], parts) == (np.int8, (1, 6, 6), 1)


_STEM, _FIRST, _HEAD = (Piece.of_part(SPACE.parts[index].largest) for index in (0, 1, -1))


@pytest.mark.parametrize("piece", [_STEM, _FIRST, _piece(4, 1), _piece(5, 0), _HEAD], ids=lambda p: p.key)
def test_int8_pieces_have_no_operator_that_the_delegate_leaves(piece: Piece) -> None:
    # Who runs what is the same at 1 pixel, the size before it is set, for kernels that are not split.
    delegation = inspect_delegation(make_piece_models(SPACE, 10, "int8").convert(piece, 12))
    assert (delegation.num_partitions, delegation.undelegated) == (1, {})


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("piece", [_piece(4, 2), _piece(5, 2)], ids=lambda p: p.key)
def test_large_kernels_run_on_the_smallest_images(piece: Piece, size: int) -> None:
    content = make_piece_models(SPACE, 10).convert(piece, size)
    values = np.random.default_rng(size).standard_normal((1, size, size, piece.in_channels), dtype=np.float32)
    output, parts = _run(content, values)
    assert parts == 1
    assert output.shape[1] == -(-size // piece.part.stride)


def test_a_piece_is_converted_once_for_all_sizes_that_need_no_model_of_their_own() -> None:
    models, piece = make_piece_models(SPACE, 10), _piece(4, 2)
    assert models.convert(piece, 9) is models.convert(piece, 4)
    assert models.convert(piece, 3) != models.convert(piece, 4)


@pytest.mark.parametrize("form", ["float32", "int8"])
def test_a_stem_has_a_piece_for_each_type_of_image(form: str) -> None:
    models = make_piece_models(SPACE, 10, form)
    stem = SPACE.parts[0].largest
    dtypes = {}
    num_operators = {}
    for input_type in models.input_types:
        content = models.convert(Piece.of_part(stem, input_type), 12)
        interpreter = Interpreter(model_content=content)
        dtypes[input_type] = interpreter.get_input_details()[0]["dtype"]
        num_operators[input_type] = inspect_delegation(content).num_operators
    assert dtypes["uint8"] == np.uint8
    assert dtypes["normalized"] == {"float32": np.float32, "int8": np.int8}[form]
    # What makes normalised images of others is in the piece.
    assert num_operators["uint8"] > num_operators["normalized"]


@pytest.mark.parametrize("size", [1, 3, 4, 12])
def test_pieces_are_lowered_for_the_target(size: int) -> None:
    piece = _piece(4, 2)  # a kernel of 7, which CPUs want in strips
    contents = {}
    for form in (ModelForm.of_names("float32"), ModelForm.of_names("float32", "gpu")):
        keras.utils.set_random_seed(0)
        contents[form.target.name] = make_piece_models(SPACE, 10, form).convert(piece, size)
    values = np.random.default_rng(size).standard_normal((1, size, size, piece.in_channels), dtype=np.float32)
    for_cpus, _ = _run(contents["cpu"], values)
    for_gpus, _ = _run(contents["gpu"], values)
    np.testing.assert_allclose(for_gpus, for_cpus, rtol=1e-3, atol=1e-4)
    assert _num_convolutions(contents["gpu"]) == 1
    assert _num_convolutions(contents["cpu"]) > 1 or size <= 3


def _num_convolutions(content: bytes) -> int:
    """How many depthwise convolutions there are."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content)
    codes = [code.builtinCode for code in model.operatorCodes]
    operators = model.subgraphs[0].operators
    return sum(codes[one.opcodeIndex] == schema.BuiltinOperator.DEPTHWISE_CONV_2D for one in operators)


def test_overhead_piece_does_next_to_nothing() -> None:
    model = build_piece(Piece(OVERHEAD, 8), SPACE, 10)
    assert isinstance(model, keras.Model)
    assert model.count_params() == 0


def test_an_unknown_precision_is_named() -> None:
    with pytest.raises(InputError, match=r"'float32', 'float16', 'int8'.*Received: precision='int4'"):
        make_piece_models(SPACE, 10, "int4")
    with pytest.raises(InputError, match=r"num_classes=0"):
        make_piece_models(SPACE, 0)
