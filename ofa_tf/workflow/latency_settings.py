"""`LatencyTableSettings`: how a latency table is measured. Loads neither TensorFlow nor Keras."""

import dataclasses

from ofa_tf.base.errors import InputError
from ofa_tf.devices.device import BenchmarkSettings
from ofa_tf.latency.latency_model import MIN_ARCHS_FOR_EXPONENT
from ofa_tf.tflite.lowering.targets import CPU
from ofa_tf.tflite.quantization.model_form import ModelForm

_SMALLEST = {
    "num_networks": MIN_ARCHS_FOR_EXPONENT,
    "num_held_out": 1,
    "num_threads": 1,
    "seed": 0,
}

# Whole networks take milliseconds: they are run until spells of a busy machine even out.
NETWORK_SETTINGS = BenchmarkSettings(rounds=20, min_time_s=6.0, measure_peak_ram=False)

# What a search found is measured to see whether predictions are right, within some percent.
FOUND_SETTINGS = BenchmarkSettings(rounds=20, min_time_s=2.0, measure_peak_ram=False)


@dataclasses.dataclass(frozen=True)
class LatencyTableSettings:
    """How a latency table is measured.

    Args:
        precision: Name of the `Precision` of the models.
        target: Name of the `Target` that they are for.
        num_threads: Threads of the interpreter.
        num_networks: Whole networks that calibrate the model: the smallest, the
            largest and evenly drawn random ones.
        num_held_out: Evenly drawn random networks that check it.
        seed: Decides which networks.
        time_limit_s: Limit for each batch of pieces, and again for the networks,
            seconds; above what measuring takes at least.

    Raises:
        InputError: If a number is too small, or there are no such models.
    """

    precision: str = "float32"
    num_threads: int = 1
    num_networks: int = 8
    num_held_out: int = 50
    seed: int = 0
    time_limit_s: float = 1800.0
    target: str = CPU.name

    def __post_init__(self) -> None:
        _ = self.form  # raises if there is none
        for name, minimum in _SMALLEST.items():
            number = getattr(self, name)
            if number < minimum:
                raise InputError(f"Expected `{name}` to be at least {minimum}. Received: {name}={number}.")
        shortest_s = NETWORK_SETTINGS.min_time_s
        if not self.time_limit_s > shortest_s:
            raise InputError(
                f"Expected `time_limit_s` to be above {shortest_s:g} seconds, which the networks are measured for at "
                f"least. Received: time_limit_s={self.time_limit_s:g}."
            )

    @property
    def form(self) -> ModelForm:
        """The form of the models."""
        return ModelForm.of_names(self.precision, self.target)
