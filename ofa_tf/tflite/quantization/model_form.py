"""`ModelForm`: what latencies, sizes and the limits of a search are of. Loads neither TensorFlow nor Keras."""

import contextlib
import dataclasses

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.input_format import INPUT_TYPES, NORMALIZED
from ofa_tf.tflite.lowering.lowerings import choose_lowerings
from ofa_tf.tflite.lowering.targets import CPU, TARGETS, Target, get_target
from ofa_tf.tflite.quantization.modes import QuantizationMode
from ofa_tf.tflite.quantization.precisions import FLOAT32_PRECISION, PRECISIONS, Precision, get_precision
from ofa_tf.tflite.quantization.target_modes import check_input, takes_mode


@dataclasses.dataclass(frozen=True)
class ModelForm:
    """The form in which networks are shipped: for which target, in which precision, and what they take.

    Args:
        precision: The precision.
        target: What runs the models.
        input_type: What they take as an image, see `InputFormat`.

    Raises:
        InputError: If there are no such models.
    """

    precision: Precision = FLOAT32_PRECISION
    target: Target = CPU
    input_type: str = NORMALIZED

    def __post_init__(self) -> None:
        if not takes_mode(self.target, self.mode):
            taken = [name for name in PRECISIONS if takes_mode(self.target, PRECISIONS[name].mode)]
            raise InputError(
                f"Expected the precision of models for the target {self.target.name!r}, {self.target.description}, to "
                f"be one of {taken}. Received: {self.precision.name!r}. Take one of those, or another target."
            )
        check_input(self.input_type, self.mode, self.target)

    @classmethod
    def of_names(cls, precision: str, target: str = CPU.name, input_type: str = NORMALIZED) -> "ModelForm":
        """The form of names, as flags have them.

        Raises:
            InputError: If there is no such precision or target, or there are no such models.
        """
        return cls(get_precision(precision), get_target(target), input_type)

    @property
    def name(self) -> str:
        """What latency tables of such models are called: all inputs have one table."""
        return form_name(self.precision.name, self.target.name)

    @property
    def mode(self) -> QuantizationMode:
        """How the models are quantized."""
        return self.precision.mode

    @property
    def lowering(self) -> tuple[str, ...]:
        """Names of the rewrites that make them."""
        return choose_lowerings(integer_activations=self.mode.has_integer_activations, target=self.target)

    @property
    def possible_input_types(self) -> tuple[str, ...]:
        """What models in this precision for this target may take as an image."""
        possible = []
        for input_type in INPUT_TYPES:
            with contextlib.suppress(InputError):
                check_input(input_type, self.mode, self.target)
                possible.append(input_type)
        return tuple(possible)


FLOAT32_ON_CPU = ModelForm()


def as_model_form(form: ModelForm | str) -> ModelForm:
    """A form that is given itself, or as the name of the precision of models for CPUs.

    Raises:
        InputError: If there is no such precision.
    """
    if isinstance(form, ModelForm):
        return form
    return ModelForm.of_names(form)


def all_forms() -> list[ModelForm]:
    """The forms that models which take normalised images can have."""
    forms = []
    for target_name in TARGETS:
        for precision_name in PRECISIONS:
            target, precision = TARGETS[target_name], PRECISIONS[precision_name]
            if takes_mode(target, precision.mode):
                forms.append(ModelForm(precision, target))
    return forms


def form_name(precision: str, target: str) -> str:
    """What models in a precision for a target are called: `"int8"` for CPUs, else `"gpu float16"`."""
    if target == CPU.name:
        return precision
    return f"{target} {precision}"
