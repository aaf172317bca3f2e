"""`LatencyTableSettings`: how a latency table is measured. Loads neither TensorFlow nor Keras."""

import dataclasses

from ofa_tf.base.errors import InputError
from ofa_tf.latency.latency_model import MIN_ARCHS_FOR_EXPONENT
from ofa_tf.tflite.quantization.precisions import get_precision


@dataclasses.dataclass(frozen=True)
class LatencyTableSettings:
    """How a latency table is measured.

    Args:
        precision: `"float32"` or `"int8"`.
        num_threads: Threads of the interpreter.
        num_networks: Whole networks that calibrate the model: the smallest, the
            largest and evenly drawn random ones.
        num_held_out: Evenly drawn random networks that check it.
        seed: Decides which networks.
        time_limit_s: Limit for each batch of pieces, and again for the networks,
            seconds.

    Raises:
        InputError: If a number is too small or there is no such precision.
    """

    precision: str = "float32"
    num_threads: int = 1
    num_networks: int = 8
    num_held_out: int = 50
    seed: int = 0
    time_limit_s: float = 1800.0

    def __post_init__(self) -> None:
        get_precision(self.precision)
        for name, minimum in (("num_networks", MIN_ARCHS_FOR_EXPONENT), ("num_held_out", 1)):
            number = getattr(self, name)
            if number < minimum:
                raise InputError(f"Expected `{name}` to be at least {minimum}. Received: {name}={number}.")
