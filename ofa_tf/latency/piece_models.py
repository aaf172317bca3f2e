"""The pieces of a search space as TFLite models of their own, to be measured."""

import dataclasses
from collections.abc import Callable

import keras

from ofa_tf.base.errors import InputError
from ofa_tf.latency.pieces import Piece
from ofa_tf.networks.subnet import add_part
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.conversion.for_measuring import convert_graph_for_measuring
from ofa_tf.tflite.graph.graph import Graph
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.graph.keras_reader import read_keras
from ofa_tf.tflite.lowering.lowerings import lower
from ofa_tf.tflite.quantization.model_form import FLOAT32_ON_CPU, ModelForm, as_model_form


@dataclasses.dataclass(frozen=True)
class PieceModels:
    """The models of the pieces of a space, and what they are of.

    Args:
        space: The search space.
        num_classes: Number of classes of the head.
        form: The form that they are converted to, but for what models take as an image:
            stems are there for each type.
        input_types: These types.
        convert: From a piece and the height and width of its input to the content of
            a `.tflite` file.
    """

    space: SearchSpace
    num_classes: int
    form: ModelForm
    input_types: tuple[str, ...]
    convert: Callable[[Piece, int], bytes]


def make_piece_models(space: SearchSpace, num_classes: int, form: ModelForm | str = FLOAT32_ON_CPU) -> PieceModels:
    """The models of the pieces of a space, with random weights: latency does not depend on them.

    Args:
        space: The search space.
        num_classes: Number of classes of the head.
        form: Their form, or the name of its precision.

    Raises:
        InputError: If `form` or `num_classes` is not allowed.
    """
    form = as_model_form(form)
    converter = _PieceConverter(space, num_classes, form)
    return PieceModels(space, num_classes, form, form.possible_input_types, converter.convert)


class _PieceConverter:
    """Converts pieces, each once if that is possible.

    Most models have a flexible input size: the interpreter resizes the one model to
    every size, and then runs it exactly as one that was converted for that size. Inputs
    so small that a kernel is cut to their size (see `split_depthwise`) get models of
    their own.
    """

    def __init__(self, space: SearchSpace, num_classes: int, form: ModelForm) -> None:
        if num_classes < 1:
            raise InputError(f"Expected `num_classes` to be at least 1. Received: num_classes={num_classes}.")
        self._space = space
        self._num_classes = num_classes
        self._form = form
        self._flexible_models: dict[str, bytes] = {}

    def convert(self, piece: Piece, size: int) -> bytes:
        """The model of a piece for a height and width of its input."""
        kernel_size = 1 if piece.part is None else piece.part.depthwise_kernel_size
        if kernel_size // 2 >= size:
            return self._convert_for(piece, size)
        if piece.key not in self._flexible_models:
            self._flexible_models[piece.key] = self._convert_for(piece, None)
        return self._flexible_models[piece.key]

    def _convert_for(self, piece: Piece, size: int | None) -> bytes:
        graph = read_keras(build_piece(piece, self._space, self._num_classes))
        graph = dataclasses.replace(graph, input_shape=(size, size, piece.in_channels))
        input_format = InputFormat.with_any_numbers(piece.input_type)
        graph = input_format.prepend_to(graph)
        mode = self._form.mode
        graph = lower(
            graph,
            integer_activations=mode.has_integer_activations,
            target=self._form.target,
        )
        return convert_graph_for_measuring(_without_last_scale(graph), mode, takes_uint8=input_format.is_uint8)


def _without_last_scale(graph: Graph) -> Graph:
    """The graph without a factor at its end, which in a network the next part's weights take.

    That is the 1/6 of the hard-swish of an int8 stem. With it, the converter would make a
    HARD_SWISH of the operators again, which is slow in int8.
    """
    if graph.nodes[-1].op != "scale":
        return graph
    return dataclasses.replace(graph, nodes=graph.nodes[:-1])


def build_piece(piece: Piece, space: SearchSpace, num_classes: int) -> keras.Model:
    """The Keras model of one piece, with random weights and a flexible input size."""
    inputs = keras.Input((None, None, piece.in_channels), name="images")
    if piece.part is None:
        return keras.Model(inputs, keras.layers.ReLU()(inputs))
    return keras.Model(inputs, add_part(inputs, "part", piece.part, space, num_classes=num_classes))
