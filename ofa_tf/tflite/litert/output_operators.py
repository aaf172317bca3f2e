"""What stands behind the last layer of a shipped model: its type, its softmax and its name.

Converters end with the last layer. These operators are appended to the finished model, so that neither
ranges nor remedies nor the lowering have to know of them.
"""

from typing import Any

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.output_format import LOGITS, PROBABILITIES, OutputFormat

# What the output of the last layer is called where something stands behind it.
LAST_LAYER = "last_layer"

# Both count the same steps from another end.
_ZERO_POINT_OF_UINT8_FROM_INT8 = 128


def finish_output(model: Any, output_format: OutputFormat) -> None:
    """Make a model, in place, give what a format says, and call its output so.

    Args:
        model: A `ModelT` of one graph with one output: logits, as the last layer computes them.
        output_format: What it shall give.

    Raises:
        InputError: If the logits are floats, and integers are asked for.
    """
    (graph,) = model.subgraphs
    last_layer = _output_tensor(graph)
    last_layer.name = LAST_LAYER
    if output_format.is_float:
        _dequantize(model)
    elif output_format.output_type is not None:
        _requantize(model, output_format.output_type)
    _output_tensor(graph).name = LOGITS
    if output_format.has_softmax:
        _append_softmax(model)


def _output_tensor(graph: Any) -> Any:
    (index,) = graph.outputs
    return graph.tensors[index]


def _dequantize(model: Any) -> None:
    """Make floats of integers; floats stay what they are."""
    from ai_edge_litert import schema_py_generated as schema

    logits = _output_tensor(model.subgraphs[0])
    if logits.type == schema.TensorType.FLOAT32:
        return
    is_int16 = logits.type == schema.TensorType.INT16
    _append(
        model,
        kind=schema.BuiltinOperator.DEQUANTIZE,
        version=3 if is_int16 else 2,
        output=_tensor(logits, schema.TensorType.FLOAT32),
    )


def _requantize(model: Any, output_type: str) -> None:
    """Make int8 of uint8 or the other way round."""
    from ai_edge_litert import schema_py_generated as schema

    types = {"int8": schema.TensorType.INT8, "uint8": schema.TensorType.UINT8}
    wanted = types[output_type]
    logits = _output_tensor(model.subgraphs[0])
    if logits.type == wanted:
        return
    if logits.type not in types.values():
        raise InputError(
            f"Expected `output_type` to be 'float32', as the last layer computes with other numbers than int8. "
            f"Received: output_type={output_type!r}. Leave it out, or let the last layer become int8."
        )
    shift = _ZERO_POINT_OF_UINT8_FROM_INT8
    if wanted == schema.TensorType.INT8:
        shift = -shift
    output = _tensor(logits, wanted)
    output.quantization = schema.QuantizationParametersT(
        scale=logits.quantization.scale,
        zeroPoint=logits.quantization.zeroPoint + shift,
    )
    _append(model, kind=schema.BuiltinOperator.QUANTIZE, version=1, output=output)


def _append_softmax(model: Any) -> None:
    from ai_edge_litert import schema_py_generated as schema

    output = _tensor(_output_tensor(model.subgraphs[0]), schema.TensorType.FLOAT32)
    output.name = PROBABILITIES
    _append(
        model,
        kind=schema.BuiltinOperator.SOFTMAX,
        version=1,
        output=output,
        options=(schema.BuiltinOptions.SoftmaxOptions, schema.SoftmaxOptionsT(beta=1.0)),
    )


def _tensor(like: Any, tensor_type: int) -> Any:
    """A tensor of the shape of another one, of which the file holds no data: buffer 0 is empty in every file."""
    from ai_edge_litert import schema_py_generated as schema

    return schema.TensorT(
        shape=like.shape,
        shapeSignature=like.shapeSignature,
        type=tensor_type,
        buffer=0,
        name="",
    )


def _append(
    model: Any,
    *,
    kind: int,
    version: int,
    output: Any,
    options: tuple[int, Any] | None = None,
) -> None:
    """Append an operator that takes the model's output and makes another one of it."""
    from ai_edge_litert import schema_py_generated as schema

    (graph,) = model.subgraphs
    (taken,) = graph.outputs
    graph.tensors.append(output)
    made = len(graph.tensors) - 1

    model.operatorCodes.append(schema.OperatorCodeT(deprecatedBuiltinCode=kind, builtinCode=kind, version=version))
    operator = schema.OperatorT(opcodeIndex=len(model.operatorCodes) - 1, inputs=[taken], outputs=[made])
    if options is not None:
        operator.builtinOptionsType, operator.builtinOptions = options
    graph.operators.append(operator)

    graph.outputs = [made]
