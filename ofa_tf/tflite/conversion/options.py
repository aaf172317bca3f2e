"""`ExportOptions`: how to convert a subnet. Loads neither TensorFlow nor Keras."""

import dataclasses
from collections.abc import Sequence

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.output_format import OutputFormat
from ofa_tf.tflite.lowering.lowerings import choose_lowerings
from ofa_tf.tflite.lowering.targets import get_target
from ofa_tf.tflite.quantization.fine_tuning import FineTuning, check_count, check_learning_rate
from ofa_tf.tflite.quantization.modes import QuantizationMode, get_quantization_mode
from ofa_tf.tflite.quantization.target_modes import check_input, check_mode, check_output


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """How to convert a subnet, and what to let through.

    Args:
        quantization: Name of a `QuantizationMode`, see `to_tflite`.
        lowering: See `to_tflite`.
        input_type: What the model takes as an image, see `InputFormat`.
        max_accuracy_drop: Largest loss of top-1 accuracy through quantization, in
            [0, 1].
        num_representative_images: Training images that set the ranges of integer
            activations.
        qat_epochs: Passes over the training images for `"qat"`.
        qat_learning_rate: See `FineTuning`.
        target: Name of a `Target`: what will run the model.
        float_layers: Patterns of names of layers that stay float where others become
            integers, as of files in a shell.
        measures_layers: Whether the error of each layer is measured, for the sidecar.
        output_type: Type of what the model gives, see `OutputFormat`.
        has_softmax: Whether it gives probabilities instead of logits.

    Raises:
        InputError: If a value is not allowed.
    """

    quantization: str = "none"
    lowering: str | Sequence[str] = "all"
    input_type: str = "normalized"
    max_accuracy_drop: float = 0.01
    num_representative_images: int = 200
    qat_epochs: int = 3
    qat_learning_rate: float = FineTuning.learning_rate
    target: str = "cpu"
    float_layers: tuple[str, ...] = ()
    measures_layers: bool = False
    output_type: str | None = None
    has_softmax: bool = False

    def __post_init__(self) -> None:
        mode = get_quantization_mode(self.quantization)
        target = get_target(self.target)
        choose_lowerings(
            self.lowering,
            integer_activations=mode.has_integer_activations,
            target=target,
        )
        check_mode(mode, target)
        check_input(self.input_type, mode, target)
        check_output(self.output_format, mode)
        if not 0 <= self.max_accuracy_drop <= 1:
            raise InputError(
                f"Expected `max_accuracy_drop` to be in [0, 1]. Received: max_accuracy_drop={self.max_accuracy_drop}."
            )
        if self.float_layers and not mode.has_integer_activations:
            raise InputError(
                f"Expected `float_layers` with a quantization of activations, such as 'int8'. "
                f"Received: quantization={mode.name!r}, in which all layers compute with floats. Leave it out."
            )
        check_count("num_representative_images", self.num_representative_images)
        check_count("qat_epochs", self.qat_epochs)
        check_learning_rate("qat_learning_rate", self.qat_learning_rate)

    @property
    def mode(self) -> QuantizationMode:
        """The quantization mode of the name."""
        return get_quantization_mode(self.quantization)

    @property
    def output_format(self) -> OutputFormat:
        """What the model gives for an image."""
        return OutputFormat(self.output_type, self.has_softmax)
