"""`Export`: one subnet on its way to a file, with the images that its models are judged on."""

from collections.abc import Iterable

import keras
import numpy as np

from ofa_tf.base.progress import announce
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.conversion import Conversion
from ofa_tf.tflite.conversion.keras_to_tflite import prepare_conversion
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.litert.delegation import inspect_delegation
from ofa_tf.tflite.litert.metadata import add_metadata
from ofa_tf.tflite.litert.micro_arena import MicroArena, is_micro_installed, measure_micro_arena
from ofa_tf.tflite.lowering.targets import MCU
from ofa_tf.tflite.quantization.fine_tuning import FineTuning
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.gate import Comparison, GateReport, Reference, compare
from ofa_tf.tflite.shipping.layer_errors import LayerError, layer_errors
from ofa_tf.tflite.shipping.references import References, round_images
from ofa_tf.tflite.shipping.remedies import apply_remedies
from ofa_tf.tflite.shipping.sidecar import describe

_NUM_EXAMINED_IMAGES = 4  # of which every layer's error is measured when a model fails


class Export:
    """How to convert a subnet, and to judge what comes out.

    Args:
        subnet: Plain Keras model with calibrated BN statistics.
        arch: What `subnet` is.
        options: How to convert.
        data: Images and names.
        references: What the subnet says of the images that judge its models, if that was
            measured before.

    Raises:
        InputError: If the number of class names is not that of the subnet's classes.
    """

    def __init__(
        self,
        subnet: keras.Model,
        arch: Arch,
        options: ExportOptions,
        data: ExportData,
        references: References | None,
    ) -> None:
        mean, std = data.normalization
        self._subnet = subnet
        self._arch = arch
        self._options = options
        self._data = data
        self._known_references = references
        self._input_format = InputFormat(options.input_type, mean, std)
        self._last_converted: tuple[Conversion, bytes] | None = None
        self.num_classes = int(subnet.output_shape[-1])
        self.description = describe(
            arch,
            options,
            self.num_classes,
            self._input_format,
            data.class_names,
            data.preprocessing,
        )

    def prepare_conversion(self) -> Conversion:
        """As the options say."""
        return prepare_conversion(
            self._subnet,
            self._options.quantization,
            self._representative_images(),
            lowering=self._options.lowering,
            input_format=self._input_format,
            fine_tuning=self._fine_tuning(),
            target=self._options.target,
            output_format=self._options.output_format,
        )

    def convert(self, conversion: Conversion) -> bytes:
        """Content of the `.tflite` file, with metadata; that of the last conversion is kept, as several ask for it."""
        if self._last_converted is not None:
            last, content = self._last_converted
            if last is conversion:
                return content
        content = add_metadata(conversion.run(), self.description)
        self._last_converted = (conversion, content)
        return content

    def compare(self, content: bytes) -> Comparison:
        """The model beside the network, on the images that decide."""
        images = round_images(self._data.decisive(self._arch), self._input_format)
        return compare(content, self._references.decisive, images)

    def report(self, content: bytes, decisive: Comparison) -> GateReport:
        """What is told of a model that is good: how it compares on images that decided nothing, and who runs it.

        Args:
            content: Content of the `.tflite` file.
            decisive: What `compare` said of it.

        Raises:
            InputError: If it is for microcontrollers, and TFLite Micro does not run it.
        """
        reported = decisive
        if self._references.reported is not self._references.decisive:
            images = round_images(self._data.reported(self._arch), self._input_format)
            reported = compare(content, self._references.reported, images)
        return GateReport(
            decisive=decisive,
            decisive_split=self._data.decisive_split,
            reported=reported,
            delegation=inspect_delegation(content),
            size_bytes=len(content),
            micro_arena=self._measure_arena(content),
        )

    def apply_remedies(self, conversion: Conversion) -> Conversion:
        """The conversion with the remedies that bring it nearer to the network on the representative images."""
        images = self._representative_images()
        if images is None:
            return conversion
        batches = [(self._input_format.round(batch), None) for batch in images]
        reference = Reference.measure(self._subnet, batches)

        def divergence(changed: Conversion) -> float:
            return compare(self.convert(changed), reference, batches).mean_kl

        images_as_taken = [self._input_format.denormalize(batch) for batch, _ in batches]
        return apply_remedies(conversion, images_as_taken, divergence)

    def layer_errors(self, conversion: Conversion, content: bytes) -> list[LayerError]:
        """Errors of the layers of a conversion's model on some images: for training, if there are any."""
        images = self._representative_images()
        if images is not None:
            batch = np.asarray(next(iter(images)))
        else:
            batch, _ = next(iter(self._data.decisive(self._arch)))
        examined = self._input_format.denormalize(batch[:_NUM_EXAMINED_IMAGES])
        return layer_errors(conversion.graph, content, examined)

    def _measure_arena(self, content: bytes) -> MicroArena | None:
        """What a model for microcontrollers takes of their memory, where that can be measured."""
        if self._options.target != MCU.name:
            return None
        if not is_micro_installed():
            announce("the arena of TFLite Micro is not measured: that takes pip install -c constraints.txt -e '.[mcu]'")
            return None
        return measure_micro_arena(content)

    def _representative_images(self) -> Iterable[np.ndarray] | None:
        if self._data.representative_images is None:
            return None
        return self._data.representative_images()

    def _fine_tuning(self) -> FineTuning | None:
        if self._data.fine_tuning is None or not self._options.mode.needs_fine_tuning:
            return None
        return self._data.fine_tuning(self._options)

    @property
    def _references(self) -> References:
        if self._known_references is None:
            self._known_references = References.measure(self._subnet, self._data, self._arch, self._input_format)
        return self._known_references
