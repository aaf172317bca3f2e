"""The bytes that an operator adds to a `.tflite` file: its weights, their scales, and the tables that describe them.

The numbers below are what `flatbuffers` writes for the tables of the TFLite schema. They
are small beside the weights of a large network, and a tenth of a small one in int8.
"""

from collections.abc import Hashable, Sequence

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
_HAS_FLOAT_KERNELS_IN_DYNAMIC = "depthwise_conv2d"  # see `quantize_weights`


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
    if constant.kind is ConstantKind.SETTING:
        return total + _SETTING_NAME_BYTES
    name_bytes = _name_bytes(operator.nodes[0])
    if constant.kind is ConstantKind.BIAS:
        name_bytes = _output_name_bytes(operator)
    total += name_bytes
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
    is_kernel = constant.kind is ConstantKind.KERNEL and operator.op != _HAS_FLOAT_KERNELS_IN_DYNAMIC
    return mode.weight_bits == 8 and is_kernel


def _output_name_bytes(operator: Operator) -> int:
    return sum(_name_bytes(node) for node in operator.nodes)


def _name_bytes(node_name: str) -> int:
    return _PART_NAME_BYTES + len(node_name) + _OPERATION_NAME_BYTES


def _align(num_bytes: int) -> int:
    return -(-num_bytes // _BUFFER_ALIGNMENT) * _BUFFER_ALIGNMENT
