"""The pieces of a search space as TFLite models of their own, to be measured."""

from collections.abc import Callable, Iterator

import keras
import numpy as np

from ofa_tf.device.pieces import Piece
from ofa_tf.errors import InputError
from ofa_tf.export.keras_reader import read_keras
from ofa_tf.export.lowering import lower
from ofa_tf.export.tflite import convert
from ofa_tf.models.subnet import add_part
from ofa_tf.search_space import SearchSpace

PRECISIONS = {"float32": "none", "int8": "int8"}
_CALIBRATION_SIZE = 8  # pixels; random images need no more to set quantization ranges


def block_model_converter(space: SearchSpace, num_classes: int, precision: str = "float32") -> Callable[[Piece], bytes]:
    """What turns a piece of `space` into a TFLite model.

    The models have random weights (latency does not depend on them) and a
    flexible input size: the interpreter resizes the one model to every size, and
    then runs it exactly as one that was converted for that size.

    Args:
        space: The search space.
        num_classes: Number of classes of the head.
        precision: `"float32"` or `"int8"`.

    Returns:
        Function from a piece to the content of its `.tflite` file.

    Raises:
        InputError: If `precision` or `num_classes` is not allowed.
    """
    if precision not in PRECISIONS:
        raise InputError(f"Expected `precision` to be one of {list(PRECISIONS)}. Received: precision={precision!r}.")
    if num_classes < 1:
        raise InputError(f"Expected `num_classes` to be at least 1. Received: num_classes={num_classes}.")

    def convert_piece(piece: Piece) -> bytes:
        rng = np.random.default_rng(0)
        shape = (1, _CALIBRATION_SIZE, _CALIBRATION_SIZE, piece.in_channels)

        def images() -> Iterator[list[np.ndarray]]:
            for _ in range(2):
                yield [rng.standard_normal(shape, dtype=np.float32)]

        graph = lower(read_keras(build_piece(piece, space, num_classes)), quantized=precision == "int8")
        return convert(graph, PRECISIONS[precision], images)

    return convert_piece


def build_piece(piece: Piece, space: SearchSpace, num_classes: int) -> keras.Model:
    """The Keras model of one piece, with random weights and a flexible input size."""
    inputs = keras.Input((None, None, piece.in_channels), name="images")
    if piece.part is None:
        return keras.Model(inputs, keras.layers.ReLU()(inputs))
    return keras.Model(inputs, add_part(inputs, "part", piece.part, space, num_classes))
