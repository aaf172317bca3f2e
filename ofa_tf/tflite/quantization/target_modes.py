"""Which quantization modes and inputs a target takes, and what a mode can give. Loads neither TensorFlow nor Keras."""

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.input_format import UINT8, check_input_type
from ofa_tf.tflite.graph.output_format import FLOAT32, OutputFormat
from ofa_tf.tflite.lowering.targets import Target
from ofa_tf.tflite.quantization.modes import QUANTIZATION_MODES, QuantizationMode


def takes_mode(target: Target, mode: QuantizationMode) -> bool:
    """Whether a target takes models in a quantization mode."""
    return target.takes(mode.weight_bits, mode.activation_bits)


def check_mode(mode: QuantizationMode, target: Target) -> None:
    """Check that a target takes models in a quantization mode.

    Args:
        mode: The mode.
        target: The target.

    Raises:
        InputError: If it does not; names the modes that it takes.
    """
    if takes_mode(target, mode):
        return
    taken = [name for name in QUANTIZATION_MODES if takes_mode(target, QUANTIZATION_MODES[name])]
    raise InputError(
        f"Expected models for the target {target.name!r}, {target.description}, to be quantized as one of {taken}. "
        f"Received: {mode.name!r}. Take one of those, or another target."
    )


def check_input(input_type: str, mode: QuantizationMode, target: Target) -> None:
    """Check that models in a quantization mode can take a type of input, and a target then takes them.

    Args:
        input_type: See `InputFormat`.
        mode: The mode.
        target: The target.

    Raises:
        InputError: If they cannot, or it does not.
    """
    check_input_type(input_type)
    if input_type != UINT8:
        return
    if not mode.can_take_uint8:
        raise InputError(
            f"Expected `input_type` to be 'normalized' or 'float32' with quantization={mode.name!r}, "
            f"which takes int{mode.activation_bits}. Received: input_type='uint8'. Take int8, or one of those types."
        )
    if not mode.has_integer_activations and not target.takes_uint8_of_float:
        raise InputError(
            f"Expected `input_type` to be 'normalized' or 'float32' for float models of the target {target.name!r}, "
            f"{target.description}. Received: input_type='uint8'. Take int8."
        )


def check_output(output_format: OutputFormat, mode: QuantizationMode) -> None:
    """Check that models in a quantization mode can give what a format says.

    Args:
        output_format: The format.
        mode: The mode.

    Raises:
        InputError: If they cannot.
    """
    if output_format.output_type in (None, FLOAT32) or mode.activation_bits == 8:
        return
    computed = "float32" if mode.activation_bits is None else f"int{mode.activation_bits}"
    raise InputError(
        f"Expected `output_type` to be 'float32' with quantization={mode.name!r}, which computes with {computed}. "
        f"Received: output_type={output_format.output_type!r}. Take int8, or leave it out."
    )
