"""A model for one shape of its input: for programs that never resize an input."""

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.litert.flatbuffer import pack_model, unpack_model
from ofa_tf.tflite.litert.interpreter import create_undelegated_interpreter


def with_input_shape(content: bytes, shape: tuple[int, ...], name: str = "the model") -> bytes:
    """A model that takes an input of one shape.

    Args:
        content: Content of a `.tflite` file of one graph with one input.
        shape: Shape of its input.
        name: What messages call the model.

    Returns:
        Content of a `.tflite` file, which computes what the model does when its input is resized.

    Raises:
        InputError: If it is no such model, or does not take that shape.
    """
    interpreter = create_undelegated_interpreter(content, name)
    model = unpack_model(content)
    num_graphs = len(model.subgraphs)
    num_inputs = len(model.subgraphs[0].inputs)
    if num_graphs != 1 or num_inputs != 1:
        raise InputError(
            f"Expected {name} to be a model of one graph with one input, to give that another shape. "
            f"Received: {num_graphs} graphs, the first with {num_inputs} inputs. Measure it in the shape that it has."
        )
    try:
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], shape)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        sizes = ", ".join(str(size) for size in shape)
        reason = str(error).rstrip(".")
        raise InputError(
            f"Expected {name} to take an input of shape ({sizes}). Received: {reason}. Take another shape."
        ) from error

    tensors = model.subgraphs[0].tensors
    for details in interpreter.get_tensor_details():
        if details["index"] < len(tensors):  # the others are LiteRT's own
            tensor = tensors[details["index"]]
            tensor.shape = details["shape"]
            tensor.shapeSignature = None  # which says that sizes may change
    return pack_model(model)
