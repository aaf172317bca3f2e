"""A model for some shapes of its input, with a signature for each: for programs that never resize an input."""

from collections.abc import Mapping
from typing import Any

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.litert.flatbuffer import pack_model, unpack_model
from ofa_tf.tflite.litert.interpreter import create_undelegated_interpreter
from ofa_tf.tflite.litert.merged_model import merge_models


def with_input_shapes(content: bytes, shapes: Mapping[str, tuple[int, ...]], name: str = "the model") -> bytes:
    """A model of which each signature takes an input of one shape.

    Args:
        content: Content of a `.tflite` file of one graph with one input and one output.
        shapes: Name of a signature -> shape of its input.
        name: What messages call the model.

    Returns:
        Content of a `.tflite` file. Weights are in it once; each signature computes what the model does when its input
        is resized.

    Raises:
        InputError: If the model does not take one of the shapes.
    """
    contents = {}
    for signature, shape in shapes.items():
        contents[signature] = _with_input_shape(content, shape, name)
    return merge_models(contents)


def _with_input_shape(content: bytes, shape: tuple[int, ...], name: str) -> bytes:
    interpreter = create_undelegated_interpreter(content, name)
    try:
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], shape)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        sizes = ", ".join(str(size) for size in shape)
        raise InputError(
            f"Expected {name} to take an input of shape ({sizes}). Received: {error}. Take another shape."
        ) from error

    model = unpack_model(content)
    (graph,) = model.subgraphs
    found_shapes = {details["index"]: details["shape"] for details in interpreter.get_tensor_details()}
    for number, tensor in enumerate(graph.tensors):
        _fix_shape(tensor, found_shapes[number])
    return pack_model(model)


def _fix_shape(tensor: Any, shape: Any) -> None:
    tensor.shape = shape
    tensor.shapeSignature = None  # which says that sizes may change
