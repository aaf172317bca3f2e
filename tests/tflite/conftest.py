"""One small subnet with trained-looking statistics, converted once."""

import keras
import numpy as np
import pytest

from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite

NUM_CLASSES = 10


@pytest.fixture(scope="session")
def arch() -> Arch:
    return get_search_space("mobilenet_v3_tiny").smallest(24)


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((12, 24, 24, 3), dtype=np.float32)


@pytest.fixture(scope="session")
def subnet(arch: Arch, images: np.ndarray) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = build_subnet(get_search_space(arch.space), arch, NUM_CLASSES)
    for _ in range(30):  # moves the statistics of batch normalization to those of the images
        model(images, training=True)
    return model


@pytest.fixture(scope="session")
def float_model(subnet: keras.Model) -> bytes:
    return to_tflite(subnet)
