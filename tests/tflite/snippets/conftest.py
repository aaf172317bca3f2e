"""Models that were really shipped, one for each way of taking an image, and images of several shapes as files."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from ofa_tf.data.preprocessing import IMAGE_MEAN, IMAGE_STD
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.preprocessing import Preprocessing
from ofa_tf.tflite.shipping.ship_subnet import ship

LABELS = tuple(f'class "{number}", $a\\b' for number in range(10))  # which a program must quote

# Name of a model -> how it is exported, and what is cut out of its images.
KINDS = {
    "float32": (ExportOptions(), None),
    "zero_to_one": (ExportOptions(input_type="float32"), 0.875),
    "int8": (ExportOptions("int8", max_accuracy_drop=1.0), 0.875),
    "uint8": (ExportOptions("int8", input_type="uint8", max_accuracy_drop=1.0), None),
    "uint8_output": (ExportOptions("int8", output_type="uint8", max_accuracy_drop=1.0), None),
    "probabilities": (
        ExportOptions("int8", input_type="uint8", has_softmax=True, max_accuracy_drop=1.0),
        None,
    ),
    "int16x8": (ExportOptions("int16x8", max_accuracy_drop=1.0), None),
}

ShipModel = Callable[[str], Path]


@pytest.fixture(scope="session")
def ship_model(
    subnet: keras.Model, arch: Arch, images: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> ShipModel:
    """Exports the small subnet as the model of a name in `KINDS`, once."""
    folder = tmp_path_factory.mktemp("models")
    labels = np.asarray(subnet(images)).argmax(-1)

    def ship_kind(name: str) -> Path:
        path = folder / f"{name}.tflite"
        if not path.exists():
            options, crop_fraction = KINDS[name]
            data = ExportData(
                (IMAGE_MEAN, IMAGE_STD),
                LABELS,
                lambda: [images],
                test_batches=lambda: [(images, labels)],
                preprocessing=Preprocessing(crop_fraction),
            )
            ship(subnet, arch, path, options, data)
        return path

    return ship_kind


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Image files: one of the models' size, a tall one that shrinks, a wide one that grows and a gray one."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    shapes = {"exact": (24, 24, 3), "tall": (97, 60, 3), "wide": (17, 23, 3), "gray": (40, 50)}
    paths = {}
    for name, shape in shapes.items():
        paths[name] = folder / f"{name}.png"
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(paths[name])
    return paths
