"""The pieces of a search space as TFLite models of their own, to be measured."""

import dataclasses
from collections.abc import Callable

import keras

from ofa_tf.base.errors import InputError
from ofa_tf.latency.pieces import Piece
from ofa_tf.networks.subnet import add_part
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.conversion.for_measuring import convert_graph_for_measuring
from ofa_tf.tflite.graph.keras_reader import read_keras
from ofa_tf.tflite.lowering.lower import lower
from ofa_tf.tflite.quantization.precisions import get_precision


def block_model_converter(
    space: SearchSpace, num_classes: int, precision: str = "float32"
) -> Callable[[Piece, int], bytes]:
    """What turns a piece of `space` into a TFLite model.

    The models have random weights (latency does not depend on them). Most have a
    flexible input size: the interpreter resizes the one model to every size, and
    then runs it exactly as one that was converted for that size. Inputs so small
    that a kernel is cut to their size (see `split_depthwise`) get models of their own.
    A factor at the end, which in a network the next part's weights take, is left
    out: the 1/6 of the hard-swish of an int8 stem.

    Args:
        space: The search space.
        num_classes: Number of classes of the head.
        precision: Name of a `Precision`.

    Returns:
        Function from a piece and the height and width of its input to the content
        of a `.tflite` file.

    Raises:
        InputError: If `precision` or `num_classes` is not allowed.
    """
    measured_in = get_precision(precision)
    if num_classes < 1:
        raise InputError(f"Expected `num_classes` to be at least 1. Received: num_classes={num_classes}.")

    flexible: dict[str, bytes] = {}

    def convert_piece(piece: Piece, size: int) -> bytes:
        if (piece.part.depthwise_kernel_size if piece.part is not None else 1) // 2 >= size:
            return convert_for(piece, size)
        if piece.key not in flexible:
            flexible[piece.key] = convert_for(piece, None)
        return flexible[piece.key]

    def convert_for(piece: Piece, size: int | None) -> bytes:
        graph = read_keras(build_piece(piece, space, num_classes))
        graph = dataclasses.replace(graph, input_shape=(size, size, piece.in_channels))
        graph = lower(graph, integer_activations=measured_in.has_integer_activations)
        if graph.nodes[-1].op == "scale":
            # With it, the converter would make a HARD_SWISH of the operators again, which is slow in int8.
            graph = dataclasses.replace(graph, nodes=graph.nodes[:-1])
        return convert_graph_for_measuring(graph, measured_in.mode)

    return convert_piece


def build_piece(piece: Piece, space: SearchSpace, num_classes: int) -> keras.Model:
    """The Keras model of one piece, with random weights and a flexible input size."""
    inputs = keras.Input((None, None, piece.in_channels), name="images")
    if piece.part is None:
        return keras.Model(inputs, keras.layers.ReLU()(inputs))
    return keras.Model(inputs, add_part(inputs, "part", piece.part, space, num_classes))
