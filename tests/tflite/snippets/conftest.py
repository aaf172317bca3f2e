"""Models that were really shipped, one for each way of taking an image, and images of several shapes as files."""

import dataclasses
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import pytest
from PIL import Image

from ofa_tf.data.preprocessing import IMAGE_MEAN, IMAGE_STD
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.litert.elastic_model import ElasticModel
from ofa_tf.tflite.shipping.elastic_file import save_elastic
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.preprocessing import Preprocessing
from ofa_tf.tflite.shipping.ship_subnet import ship
from ofa_tf.tflite.snippets.programs import write_program

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

# Signatures of the elastic file, the smallest first: the small subnet in all ways that apps know, and a larger one.
ELASTIC_KINDS = {
    "uint8": "uint8",
    "zero_to_one": "zero_to_one",
    "uint8_output": "uint8_output",
    "probabilities": "probabilities",
    'the "$large" one': "int8",
}
LARGEST = 'the "$large" one'  # which a program must quote

ShipModel = Callable[[str], Path]


@dataclasses.dataclass(frozen=True)
class Pace:
    """An image that a program has to choose a model for.

    Args:
        deadline_ms: Time for it.
        took_ms: How long each model would take, by signatures.
    """

    deadline_ms: float
    took_ms: Mapping[str, float]


def load_program(model: Path, folder: Path) -> ModuleType:
    """The Python program for a model, written into a folder, as a module."""
    path = folder / "classify.py"
    path.write_text(write_program(model, "python"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("classify", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def paces_of_a_phone(signatures: Sequence[str]) -> list[Pace]:
    """A phone that is cool, hot for long, busy by chance, and asked for other deadlines."""
    rng = np.random.default_rng(0)
    slowness = [1.0] * 200 + [9.0] * 2500 + [1.0] * 600 + list(rng.choice([1.0, 4.0], 1500))
    paces = []
    for factor in slowness:
        took_ms = {}
        for number, signature in enumerate(signatures, start=1):
            took_ms[signature] = float(factor * number * rng.uniform(0.8, 1.2))
        paces.append(Pace(float(rng.choice([1.5, 8.0, 8.0, 8.0])), took_ms))
    return paces


def own_choices(elastic: ElasticModel, paces: Sequence[Pace]) -> list[str]:
    """The signatures that the project chooses."""
    chosen = []
    for pace in paces:
        chosen.append(elastic.choose(pace.deadline_ms))
        elastic.note(chosen[-1], pace.took_ms[chosen[-1]])
    return chosen


@pytest.fixture(scope="session")
def ship_model(
    subnet: keras.Model, arch: Arch, images: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> ShipModel:
    """Exports the small subnet as the model of a name in `KINDS`, once."""
    folder = tmp_path_factory.mktemp("models")

    def ship_kind(name: str) -> Path:
        path = folder / f"{name}.tflite"
        if not path.exists():
            _ship(name, subnet, arch, images, path)
        return path

    return ship_kind


@pytest.fixture(scope="session")
def elastic_file(ship_model: ShipModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models of `ELASTIC_KINDS` in one file."""
    folder = tmp_path_factory.mktemp("elastic")
    models = {signature: ship_model(kind) for signature, kind in ELASTIC_KINDS.items()}
    models[LARGEST] = folder / "large.tflite"
    _ship_larger(ELASTIC_KINDS[LARGEST], models[LARGEST])
    path = folder / "elastic.tflite"
    facts = save_elastic(path, models)
    assert list(facts["signatures"]) == list(ELASTIC_KINDS)
    return path


def _ship_larger(kind: str, path: Path) -> None:
    """Export another subnet of the space, for larger images."""
    space = get_search_space("mobilenet_v3_tiny")
    arch = space.smallest(32)
    keras.utils.set_random_seed(1)
    subnet = build_subnet(space, arch, len(LABELS))
    images = np.random.default_rng(1).standard_normal((12, 32, 32, 3), dtype=np.float32)
    for _ in range(30):  # moves the statistics of batch normalization to those of the images
        subnet(images, training=True)
    _ship(kind, subnet, arch, images, path)


def _ship(kind: str, subnet: keras.Model, arch: Arch, images: np.ndarray, path: Path) -> None:
    """Export a subnet as a kind of model; what it says of the images itself is right."""
    options, crop_fraction = KINDS[kind]
    labels = np.asarray(subnet(images)).argmax(-1)
    data = ExportData(
        (IMAGE_MEAN, IMAGE_STD),
        LABELS,
        lambda: [images],
        test_batches=lambda: [(images, labels)],
        preprocessing=Preprocessing(crop_fraction),
    )
    ship(subnet, arch, path, options, data)


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
