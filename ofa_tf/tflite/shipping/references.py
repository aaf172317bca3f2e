"""`References`: what a network says of the images that its models are judged by, and of those they are reported on."""

import dataclasses

import keras

from ofa_tf.space.arch import Arch
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.gate import Batches, Reference


@dataclasses.dataclass(frozen=True)
class References:
    """What a network says before conversion.

    Args:
        decisive: Of `ExportData.decisive`.
        reported: Of `ExportData.reported`.
    """

    decisive: Reference
    reported: Reference

    @classmethod
    def measure(
        cls,
        network: keras.Model,
        data: ExportData,
        arch: Arch,
        input_format: InputFormat | None = None,
    ) -> "References":
        """Run a Keras network on the images.

        Args:
            network: The network.
            data: Where the images are from.
            arch: What `network` is.
            input_format: What its models take; images are rounded to that.
        """
        input_format = input_format or InputFormat()
        decisive = Reference.measure(network, round_images(data.decisive(arch), input_format))
        if data.test_batches is None or data.validation_batches is None:
            return cls(decisive, decisive)
        return cls(decisive, Reference.measure(network, round_images(data.reported(arch), input_format)))


def round_images(batches: Batches, input_format: InputFormat) -> Batches:
    """Images that a model can be given exactly, and labels."""
    for images, labels in batches:
        yield input_format.round(images), labels
