"""`ExportData`: the images and names that exporting a network needs."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.quantization.fine_tuning import FineTuning
from ofa_tf.tflite.shipping.gate import Batches
from ofa_tf.tflite.shipping.preprocessing import Preprocessing

_NUM_RANDOM_IMAGES = 8  # that a model is checked on when there is no data set


@dataclasses.dataclass(frozen=True)
class ExportData:
    """The data set of a network, as far as exporting needs it.

    Args:
        normalization: Mean and standard deviation of the pixels, one each per
            colour channel.
        class_names: Names of the classes in the order of the logits, if known.
        representative_images: Makes arrays of normalised training images, which
            set the ranges of int8; `None`: there are none.
        validation_batches: Makes batches of normalised images and labels, by which it is
            decided whether a model is good; `None`: there are none.
        test_batches: Makes the same of images by which the accuracy of a good model is
            reported.
        fine_tuning: Makes what quantization-aware fine-tuning trains on.
        preprocessing: What is done to images before they are normalised; `None`: it is not
            known.
        data_set: Facts about the data set for the sidecar, such as its `name`; `None`: there
            is none.
    """

    normalization: tuple[tuple[float, ...], tuple[float, ...]]
    class_names: tuple[str, ...] | None = None
    representative_images: Callable[[], Iterable[np.ndarray]] | None = None
    validation_batches: Callable[[], Batches] | None = None
    test_batches: Callable[[], Batches] | None = None
    fine_tuning: Callable[[ExportOptions], FineTuning] | None = None
    preprocessing: Preprocessing | None = None
    data_set: Mapping[str, Any] | None = None

    @property
    def decisive_split(self) -> str:
        """What judges models: `"validation"` images, else `"test"` images, else `"random"` ones without labels."""
        if self.validation_batches is not None:
            return "validation"
        if self.test_batches is not None:
            return "test"
        return "random"

    def decisive(self, arch: Arch) -> Batches:
        """The batches that models are judged by, see `decisive_split`."""
        if self.validation_batches is not None:
            return self.validation_batches()
        if self.test_batches is not None:
            return self.test_batches()
        shape = (_NUM_RANDOM_IMAGES, arch.image_size, arch.image_size, 3)
        images = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
        return [(images, None)]

    def reported(self, arch: Arch) -> Batches:
        """The batches that accuracies are reported of: for testing, else what decides."""
        if self.test_batches is not None:
            return self.test_batches()
        return self.decisive(arch)
