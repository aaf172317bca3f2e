"""`QuantizationMode`: how a model stores its weights and computes its activations.

All that differs between the modes is a property of the mode; nothing else asks
for a name. This module loads neither TensorFlow nor Keras, so that command lines
are checked before either is loaded.
"""

import dataclasses

from ofa_tf.base.errors import InputError
from ofa_tf.base.plugins import PLUGIN_HINT
from ofa_tf.base.registry import Registry

_BITS_A_BYTE = 8
_FLOAT32_BITS = 32

# Bits of weights and activations that there is a way to make, see `conversion/conversion.py`.
_BITS = ((32, None), (16, None), (8, None), (8, 8), (8, 16))

_ADVICE_FOR_LOSSY = (
    "Try --quantization=qat, more or better representative images, --quantization=float16, "
    "or allow more with --max_accuracy_drop."
)


@dataclasses.dataclass(frozen=True)
class QuantizationMode:
    """One way to quantize a network.

    Args:
        name: What users call it.
        weight_bits: Bits of a weight: 32 and 16 for float, 8 for integers.
        activation_bits: Bits of an integer activation; `None`: activations are
            float32.
        needs_fine_tuning: Whether the network is trained with simulated rounding
            first.
        is_exact: Whether the model must compute what the network computes.
        largest_difference: Largest difference of a logit, over the largest logit of
            the image (see the gate), that is let through; `None`: any, as rounded
            activations make larger ones than a class depends on.
        may_be_mended: Whether remedies are tried where it loses too much accuracy,
            see `shipping/remedies.py`.
        advice: What a user can do about a model that does not pass the gate.

    Raises:
        InputError: If no model can be made of that number of bits, or fine-tuning or
            remedies, which are for int8, are asked for with another.
    """

    name: str
    weight_bits: int
    activation_bits: int | None = None
    needs_fine_tuning: bool = False
    is_exact: bool = False
    largest_difference: float | None = None
    may_be_mended: bool = False
    advice: str = _ADVICE_FOR_LOSSY

    def __post_init__(self) -> None:
        bits = (self.weight_bits, self.activation_bits)
        if bits not in _BITS:
            raise InputError(
                f"Expected bits of weights and activations to be among {_BITS}. Received: {bits}. "
                "Others need a way to make them in ofa_tf/tflite/conversion/conversion.py."
            )
        is_for_int8 = self.needs_fine_tuning or self.may_be_mended
        if is_for_int8 and self.activation_bits != _BITS_A_BYTE:
            raise InputError(
                "Expected `needs_fine_tuning` and `may_be_mended` with activation_bits=8 only. "
                f"Received: activation_bits={self.activation_bits}. Leave them false."
            )

    @property
    def has_integer_activations(self) -> bool:
        """Whether activations are integers, with scales that are fixed before the model runs."""
        return self.activation_bits is not None

    @property
    def rounds_to_integers(self) -> bool:
        """Whether weights or activations are integers, which costs accuracy; half precision hardly does."""
        return self.weight_bits == _BITS_A_BYTE

    @property
    def needs_images(self) -> bool:
        """Whether representative images have to set the ranges of the activations."""
        return self.has_integer_activations

    @property
    def can_take_uint8(self) -> bool:
        """Whether the model can take the bytes of a camera as they are."""
        return self.activation_bits != 16

    @property
    def bytes_per_weight(self) -> int:
        """Memory of a weight."""
        return self.weight_bits // _BITS_A_BYTE

    @property
    def bytes_per_value(self) -> int:
        """Memory of an activation."""
        return (self.activation_bits or _FLOAT32_BITS) // _BITS_A_BYTE

    @property
    def settings(self) -> tuple[str, ...]:
        """The fields of `ExportOptions`, named like their flags, that only some modes heed and this one does."""
        names: list[str] = []
        if not self.is_exact:
            names.append("max_accuracy_drop")
        if self.needs_images:
            names.append("num_representative_images")
        if self.needs_fine_tuning:
            names += ["qat_epochs", "qat_learning_rate"]
        return tuple(names)


NOT_QUANTIZED = QuantizationMode(
    name="none",
    weight_bits=32,
    is_exact=True,
    largest_difference=1e-4,
    advice="This is a fault of the conversion: try --lowering=none, and report it.",
)
FLOAT16 = QuantizationMode(name="float16", weight_bits=16, largest_difference=1e-2)
DYNAMIC = QuantizationMode(name="dynamic", weight_bits=8)
INT8 = QuantizationMode(
    name="int8",
    weight_bits=8,
    activation_bits=8,
    may_be_mended=True,
)
INT16X8 = QuantizationMode(name="int16x8", weight_bits=8, activation_bits=16)
QAT = QuantizationMode(
    name="qat",
    weight_bits=8,
    activation_bits=8,
    needs_fine_tuning=True,
    advice="Train longer (--qat_epochs), or otherwise (--qat_learning_rate), or allow more with --max_accuracy_drop.",
)

QUANTIZATION_MODES: Registry[QuantizationMode] = Registry("quantization mode", PLUGIN_HINT)
for _mode in (NOT_QUANTIZED, FLOAT16, DYNAMIC, INT8, INT16X8, QAT):
    QUANTIZATION_MODES.register(_mode.name, _mode)


def get_quantization_mode(name: str) -> QuantizationMode:
    """The mode of a name.

    Raises:
        InputError: If there is none.
    """
    if not isinstance(name, str) or name not in QUANTIZATION_MODES:
        raise InputError(
            f"Expected `quantization` to be one of {list(QUANTIZATION_MODES)}. Received: quantization={name!r}. "
            f"{PLUGIN_HINT}"
        )
    return QUANTIZATION_MODES[name]


def modes_with_setting(setting: str) -> tuple[str, ...]:
    """The names of the modes that heed a setting, see `QuantizationMode.settings`."""
    return tuple(name for name in QUANTIZATION_MODES if setting in QUANTIZATION_MODES[name].settings)
