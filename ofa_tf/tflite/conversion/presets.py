"""`ExportPreset`: what a model takes and gives, as libraries of apps want it. Loads neither TensorFlow nor Keras."""

import dataclasses

from ofa_tf.base.registry import Registry
from ofa_tf.tflite.graph.input_format import UINT8
from ofa_tf.tflite.graph.output_format import FLOAT32


@dataclasses.dataclass(frozen=True)
class ExportPreset:
    """What a model takes and gives; fields as in `ExportOptions`.

    Args:
        input_type: What it takes as an image.
        output_type: Type of what it gives.
        has_softmax: Whether it gives probabilities instead of logits.
        description: What it is for, in words.
    """

    input_type: str
    output_type: str | None
    has_softmax: bool
    description: str = ""


# MediaPipe Tasks refuses images that are normalised with a number a channel, and int8 inputs and outputs; the
# scores that it returns are the model's output as it is.
MEDIAPIPE = ExportPreset(
    input_type=UINT8,
    output_type=FLOAT32,
    has_softmax=True,
    description="what MediaPipe Tasks' ImageClassifier loads",
)

EXPORT_PRESETS: Registry[ExportPreset] = Registry("preset of an export")
EXPORT_PRESETS.register("mediapipe", MEDIAPIPE)


def preset_help() -> str:
    """What a flag says of the presets that there are to choose from."""
    descriptions = []
    for name in EXPORT_PRESETS:
        descriptions.append(f"{name}: {EXPORT_PRESETS[name].description}")
    return "; ".join(descriptions)
