"""The bytes that an operator adds to a `.tflite` file: its weights, their scales, and the tables that describe them.

The numbers below are what `flatbuffers` writes for the tables of the TFLite schema. They
are small beside the weights of a large network, and a tenth of a small one in int8.
"""

import dataclasses
from collections.abc import Hashable, Iterable, Sequence

from ofa_tf.tflite.footprint.operators import Constant, ConstantKind, Operator
from ofa_tf.tflite.quantization.modes import QuantizationMode

_OPERATOR_BYTES = 60  # its table, its options and the numbers of its tensors
_TENSOR_BYTES = 32  # its table, and the length and the end of its name
_SHAPE_BYTES = 20  # of an image or a kernel: four numbers and how many there are
_BIAS_SHAPE_BYTES = 8
_QUANTIZATION_BYTES = 26  # of a tensor that has scales
_SCALE_BYTES = 4
_ZERO_POINT_BYTES = 8  # of an activation; those of weights are counted once for the file, see `ZeroPoints`
_EMPTY_BUFFER_BYTES = 8
_FULL_BUFFER_BYTES = 24  # beside its data, with what aligns it
_BUFFER_ALIGNMENT = 16

# Tensors are called after the layers that make them: `stage1_block2_expand_bn/Conv2D`;
# where several are fused, after all of them, and so is the bias.
_PART_NAME_BYTES = len("stage1_block2_")
_OPERATION_NAME_BYTES = len("/BiasAdd;")
_SETTING_NAME_BYTES = len("arith.constant10")

# The model's own table, its kinds of operators, its input, what the converter and this program say of it (its own
# metadata and the standard ones, without names of classes).
MODEL_BYTES = 1800

_FLOAT32_BYTES = 4
_INT32_BYTES = 4
_INT64_BYTES = 8
_VECTOR_BYTES = 8  # beside its entries: how many there are, and what aligns them
_DEPTHWISE = "depthwise_conv2d"  # whose kernels stay float in dynamic, see `quantize_weights`


def operators_bytes(operators: Sequence[Operator], mode: QuantizationMode) -> int:
    """What the operators of a part, with their constants and outputs, add to the file of a model in some mode.

    Shapes of tensors are in a file once. Those that a part shares with others are counted in each.
    """
    total = sum(_shapes_bytes(operators).values())
    for operator in operators:
        total += _operator_bytes(operator, mode)
    return total


def _shapes_bytes(operators: Sequence[Operator]) -> dict[Hashable, int]:
    """What each of the shapes of the outputs and the constants takes, by what tells it from others."""
    num_bytes: dict[Hashable, int] = {}
    for operator in operators:
        num_bytes["output", operator.num_values, operator.num_channels] = _SHAPE_BYTES
        for constant in operator.constants:
            if constant.kind is ConstantKind.BIAS:
                num_bytes["bias", constant.num_values] = _BIAS_SHAPE_BYTES
            else:
                num_bytes[operator.op, constant.num_values, constant.num_channels] = _SHAPE_BYTES
    return num_bytes


def _operator_bytes(operator: Operator, mode: QuantizationMode) -> int:
    total = _OPERATOR_BYTES + _TENSOR_BYTES + _output_name_bytes(operator)
    if mode.has_integer_activations:
        total += _QUANTIZATION_BYTES + _SCALE_BYTES + _ZERO_POINT_BYTES
    else:
        total += _EMPTY_BUFFER_BYTES
    for constant in operator.constants:
        total += _constant_bytes(constant, operator, mode)
    return total


@dataclasses.dataclass(frozen=True)
class Item:
    """Something of an operator that a file has once, however many models in it have an equal one.

    Args:
        what: Tells it from others of the same part.
        num_bytes: What it takes.
    """

    what: Hashable
    num_bytes: int


def items_of(operators: Sequence[Operator], mode: QuantizationMode, kernel_size: int) -> list[Item]:
    """What of a part's operators another model in the same file need not have again, if its part is the same.

    Kernels are equal only where rounding takes up what batch normalization makes of them.

    Args:
        operators: Of the part.
        mode: How the models are quantized.
        kernel_size: Of the part's depthwise kernels: those of two sizes have other values, even where strips of them
            have the same shape.
    """
    items = [Item(("shape", what), num_bytes) for what, num_bytes in _shapes_bytes(operators).items()]
    for operator in operators:
        items.append(Item(("name", *operator.nodes), _names_bytes(operator)))
        for constant in operator.constants:
            data_bytes = constant.num_values * _bytes_per_value(constant, operator, mode)
            if _is_shared(constant, operator, mode):
                size_of_depthwise = kernel_size if operator.op == _DEPTHWISE else None
                what = ("data", operator.op, constant.num_values, constant.num_channels, size_of_depthwise)
                items.append(Item(what, _FULL_BUFFER_BYTES + _align(data_bytes)))
    return items


def _names_bytes(operator: Operator) -> int:
    """Of its output and of its constants."""
    num_bytes = _output_name_bytes(operator)
    for constant in operator.constants:
        num_bytes += _constant_name_bytes(constant, operator)
    return num_bytes


def _is_shared(constant: Constant, operator: Operator, mode: QuantizationMode) -> bool:
    """Whether two models of one supernet have equal bytes of a constant."""
    if constant.kind is ConstantKind.SETTING:
        return True
    return constant.kind is ConstantKind.KERNEL and mode.weight_bits == 8 and _has_scales(constant, operator, mode)


def zero_points_bytes(lengths: Iterable[int]) -> int:
    """What vectors of zero points of some lengths take, each once."""
    return sum(length * _INT64_BYTES + _VECTOR_BYTES for length in lengths)


def zero_point_lengths(operators: Sequence[Operator], mode: QuantizationMode) -> frozenset[int]:
    """How many zero points constants of operators have, in the file of a model in some mode: each number once."""
    lengths: set[int] = set()
    for operator in operators:
        for constant in operator.constants:
            is_setting = constant.kind is ConstantKind.SETTING
            if not is_setting and _has_scales(constant, operator, mode):
                lengths.add(constant.num_channels)
    return frozenset(lengths)


def _constant_bytes(constant: Constant, operator: Operator, mode: QuantizationMode) -> int:
    data_bytes = constant.num_values * _bytes_per_value(constant, operator, mode)
    total = _TENSOR_BYTES + _FULL_BUFFER_BYTES + _align(data_bytes)
    name_bytes = _constant_name_bytes(constant, operator)
    total += name_bytes
    if constant.kind is ConstantKind.SETTING:
        return total
    if _has_scales(constant, operator, mode):
        return total + _QUANTIZATION_BYTES + constant.num_channels * _SCALE_BYTES
    if mode.weight_bits == 16:
        # An operator of its own makes float32 of it when the model is loaded.
        return total + _OPERATOR_BYTES + _TENSOR_BYTES + _EMPTY_BUFFER_BYTES + name_bytes
    return total


def _bytes_per_value(constant: Constant, operator: Operator, mode: QuantizationMode) -> int:
    if constant.kind is ConstantKind.SETTING:
        return _INT32_BYTES
    if mode.has_integer_activations:
        by_kind = {
            ConstantKind.KERNEL: mode.bytes_per_weight,
            ConstantKind.BIAS: _INT64_BYTES if mode.bytes_per_value > 1 else _INT32_BYTES,
        }
        return by_kind[constant.kind]
    if mode.weight_bits == 16 or _has_scales(constant, operator, mode):
        return mode.bytes_per_weight
    return _FLOAT32_BYTES


def _has_scales(constant: Constant, operator: Operator, mode: QuantizationMode) -> bool:
    """Whether a constant is quantized; biases are where activations are."""
    if mode.has_integer_activations:
        return True
    is_kernel = constant.kind is ConstantKind.KERNEL and operator.op != _DEPTHWISE
    return mode.weight_bits == 8 and is_kernel


def _constant_name_bytes(constant: Constant, operator: Operator) -> int:
    if constant.kind is ConstantKind.SETTING:
        return _SETTING_NAME_BYTES
    if constant.kind is ConstantKind.BIAS:
        return _output_name_bytes(operator)
    return _name_bytes(operator.nodes[0])


def _output_name_bytes(operator: Operator) -> int:
    return sum(_name_bytes(node) for node in operator.nodes)


def _name_bytes(node_name: str) -> int:
    return _PART_NAME_BYTES + len(node_name) + _OPERATION_NAME_BYTES


def _align(num_bytes: int) -> int:
    return -(-num_bytes // _BUFFER_ALIGNMENT) * _BUFFER_ALIGNMENT
