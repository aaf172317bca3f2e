"""`Precision`: what the latencies of a table, and the limits of a search, are of.

Loads neither TensorFlow nor Keras.
"""

import dataclasses

from ofa_tf.base.errors import InputError
from ofa_tf.base.plugins import PLUGIN_HINT
from ofa_tf.base.registry import Registry
from ofa_tf.tflite.quantization.modes import FLOAT16, INT8, NOT_QUANTIZED, QAT, QuantizationMode


@dataclasses.dataclass(frozen=True)
class Precision:
    """A precision that pieces and networks are measured in.

    Args:
        name: What users and latency tables call it.
        mode: How models are quantized for being measured.
        like_modes: Further modes whose models are as large and as fast.
    """

    name: str
    mode: QuantizationMode
    like_modes: tuple[QuantizationMode, ...] = ()

    @property
    def has_integer_activations(self) -> bool:
        """Whether activations are integers, on which other lowerings pay than on floats."""
        return self.mode.has_integer_activations

    def holds_for(self, mode: QuantizationMode) -> bool:
        """Whether latencies and sizes in this precision are those of models in a mode."""
        return mode == self.mode or mode in self.like_modes


FLOAT32_PRECISION = Precision("float32", NOT_QUANTIZED)
FLOAT16_PRECISION = Precision("float16", FLOAT16)
INT8_PRECISION = Precision("int8", INT8, like_modes=(QAT,))

PRECISIONS: Registry[Precision] = Registry("precision", PLUGIN_HINT)
for _precision in (FLOAT32_PRECISION, FLOAT16_PRECISION, INT8_PRECISION):
    PRECISIONS.register(_precision.name, _precision)


def get_precision(name: str) -> Precision:
    """The precision of a name.

    Raises:
        InputError: If there is none.
    """
    if not isinstance(name, str) or name not in PRECISIONS:
        raise InputError(
            f"Expected `precision` to be one of {list(PRECISIONS)}. Received: precision={name!r}. {PLUGIN_HINT}"
        )
    return PRECISIONS[name]
