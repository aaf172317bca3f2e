from pathlib import Path

import pytest

from ofa_tf.data.image_source import ImageSource
from ofa_tf.data.sources import open_source
from tests.support import tiny_dataset
from tests.support.images import write_class_folders


@pytest.fixture(scope="session")
def tfds_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A data_dir of tensorflow-datasets, filled in the course of the session."""
    return str(tmp_path_factory.mktemp("tfds"))


@pytest.fixture(scope="session")
def digits(tfds_dir: str) -> ImageSource:
    return open_source("digits", data_dir=tfds_dir)


@pytest.fixture(scope="session")
def tiny(tfds_dir: str) -> ImageSource:
    tiny_dataset.prepare(tfds_dir, "plain")
    return open_source("ofa_tiny_images/plain", data_dir=tfds_dir)


@pytest.fixture(scope="session")
def streamed(tfds_dir: str, tiny: ImageSource) -> ImageSource:
    """The tiny data set, read as if it were too large for memory."""
    return open_source("ofa_tiny_images/plain", data_dir=tfds_dir, cache_bytes=0)


@pytest.fixture
def class_folders(tmp_path: Path) -> Path:
    """Two classes of 20 and 10 PNG files, 12 x 16 pixels."""
    return write_class_folders(tmp_path / "photos", {"cat": 20, "ant": 10})
