"""Several models in one file: a signature for each, and what is equal in several of them once.

Subnets of one supernet have the same weights wherever they made the same choices. In int8 they are equal to the byte
even where batch normalization differs: it is folded into the weights as a factor a channel, which the scale of the
channel takes up.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.litert.flatbuffer import pack_model, unpack_model

INPUT_NAME = "images"
OUTPUT_NAME = "scores"

_EMPTY_BUFFER = 0  # that every file begins with
# Places among the inputs of an operator with weights, and what stands there for no bias.
_WEIGHTS = 1
_BIAS = 2
_NONE = -1


def merge_models(contents: Mapping[str, bytes]) -> bytes:
    """One model of several classifiers.

    Args:
        contents: Contents of `.tflite` files, each of one graph with one input and one
            output, by the names of their signatures. The first graph is what a program
            runs that asks for no signature.

    Returns:
        Content of a `.tflite` file without metadata. Each signature has the input `images`
        and the output `scores`, and computes exactly what its file does.
    """
    merged: Any = None
    buffers = _Buffers()
    for name, content in contents.items():
        model = unpack_model(content)
        (graph,) = model.subgraphs
        graph.name = name
        _move_buffers(model, graph, buffers)
        if merged is None:
            merged = model
            merged.metadata = []
            merged.signatureDefs = []
        else:
            _move_operators(model, graph, merged)
            merged.subgraphs.append(graph)
        merged.signatureDefs.append(_signature(name, graph, len(merged.subgraphs) - 1))
    merged.buffers = buffers.all
    return pack_model(merged)


def with_first_graph(content: bytes, signature: str) -> bytes:
    """An elastic file that runs the graph of one signature where a program asks for none, and has no signatures.

    Programs that know no signatures, such as those that measure latencies, so run any of its models; weights are
    shared as they were.

    Args:
        content: Content of an elastic file.
        signature: Name of the signature.

    Raises:
        InputError: If there is no such signature.
    """
    model = unpack_model(content)
    graphs = {definition.signatureKey.decode(): definition.subgraphIndex for definition in model.signatureDefs or []}
    if signature not in graphs:
        raise InputError(
            f"Expected a signature of the elastic file, one of {', '.join(graphs) or 'none'}. Received: {signature}. "
            "Name one of those."
        )
    chosen = model.subgraphs[graphs[signature]]
    others = [graph for graph in model.subgraphs if graph is not chosen]
    model.subgraphs = [chosen, *others]
    model.signatureDefs = []
    return pack_model(model)


class _Buffers:
    """The buffers of a merged file.

    Attributes:
        all: `BufferT`, in the order of their numbers.
    """

    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.all: list[Any] = [schema.BufferT()]
        self._numbers: dict[bytes, int] = {}

    def add(self, buffer: Any, *, is_shared: bool) -> int:
        """The number of a buffer with this content; of a new one, unless it may be shared."""
        if buffer.data is None or len(buffer.data) == 0:
            return _EMPTY_BUFFER
        content = np.asarray(buffer.data, np.uint8).tobytes()
        if is_shared and content in self._numbers:
            return self._numbers[content]
        self.all.append(buffer)
        number = len(self.all) - 1
        if is_shared:
            self._numbers[content] = number
        return number


def _move_buffers(model: Any, graph: Any, buffers: _Buffers) -> None:
    """Let the tensors of a graph have their data in the buffers of the merged file.

    XNNPACK's weight cache knows the weights of an operator by where their bytes and those of its bias lie. Equal
    weights may have different scales, so that each graph keeps biases of its own.
    """
    own_tensors = _own_tensors(graph)
    for number, tensor in enumerate(graph.tensors):
        tensor.buffer = buffers.add(model.buffers[tensor.buffer], is_shared=number not in own_tensors)


def _own_tensors(graph: Any) -> set[int]:
    """The numbers of tensors by which the operators with weights are told apart: the bias, without one the weights."""
    numbers = set()
    for operator in graph.operators:
        # No other operators that are used have as many inputs.
        if len(operator.inputs) > _BIAS:
            bias = int(operator.inputs[_BIAS])
            numbers.add(int(operator.inputs[_WEIGHTS]) if bias == _NONE else bias)
    return numbers


def _move_operators(model: Any, graph: Any, merged: Any) -> None:
    """Let the operators of a graph have their kinds in the table of the merged file."""
    numbers = {_kind(code): number for number, code in enumerate(merged.operatorCodes)}
    moved = []
    for code in model.operatorCodes:
        if _kind(code) not in numbers:
            numbers[_kind(code)] = len(merged.operatorCodes)
            merged.operatorCodes.append(code)
        moved.append(numbers[_kind(code)])
    for operator in graph.operators:
        operator.opcodeIndex = moved[operator.opcodeIndex]


def _kind(code: Any) -> tuple[Any, ...]:
    return (code.builtinCode, code.customCode, code.version)


def _signature(name: str, graph: Any, number: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.SignatureDefT(
        signatureKey=name,
        subgraphIndex=number,
        inputs=[schema.TensorMapT(name=INPUT_NAME, tensorIndex=int(graph.inputs[0]))],
        outputs=[schema.TensorMapT(name=OUTPUT_NAME, tensorIndex=int(graph.outputs[0]))],
    )
