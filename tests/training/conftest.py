from pathlib import Path

import pytest

from ofa_tf.data.image_source import ImageSource
from ofa_tf.data.sources import open_source
from ofa_tf.training.config import PhaseConfig, TrainConfig
from ofa_tf.training.phases import PHASE_NAMES
from tests.support.images import write_class_folders
from tests.support.spaces import MICRO


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("photos"), {"ant": 30, "bee": 30, "cat": 30})


@pytest.fixture(scope="session")
def source(photos: Path) -> ImageSource:
    return open_source(f"folder:{photos}")


@pytest.fixture
def config(photos: Path, tmp_path: Path) -> TrainConfig:
    phases = {name: PhaseConfig(epochs=2, learning_rate=0.02, num_subnets=2) for name in PHASE_NAMES}
    return TrainConfig(
        workdir=str(tmp_path / "run"),
        phases=phases,
        space=MICRO.name,
        dataset=f"folder:{photos}",
        batch_size=16,
        num_calibration_images=32,
        seed=3,
    )
