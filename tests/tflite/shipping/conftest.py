"""A data set on which the small subnet is always right."""

import keras
import numpy as np
import pytest

from ofa_tf.tflite.shipping.export_data import ExportData


@pytest.fixture(scope="session")
def data(subnet: keras.Model, images: np.ndarray) -> ExportData:
    """The subnet's own answers are the labels: it is always right."""
    labels = np.asarray(subnet(images)).argmax(-1)
    return ExportData(
        ((0.5,) * 3, (0.25,) * 3),
        tuple(f"class {index}" for index in range(10)),
        lambda: [images],
        test_batches=lambda: [(images[:5], labels[:5]), (images[5:], labels[5:])],
    )
