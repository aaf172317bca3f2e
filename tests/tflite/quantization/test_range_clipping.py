import keras
import numpy as np
import pytest

from ofa_tf.tflite.conversion.keras_to_tflite import prepare_conversion
from ofa_tf.tflite.quantization.range_clipping import clip_ranges


def test_ranges_are_clipped_where_an_outlier_stretches_them(subnet: keras.Model, images: np.ndarray) -> None:
    conversion = prepare_conversion(subnet, "int8", [images])
    low, high = conversion.ranges["stem_bn"]
    stretched = {**conversion.ranges, "stem_bn": (3 * low, 3 * high)}
    clipped = clip_ranges(conversion.graph, stretched, [images])
    assert clipped["stem_bn"][1] == pytest.approx(high, rel=0.35)
    assert all(0 >= clipped[name][0] >= stretched[name][0] for name in clipped)
    assert all(0 <= clipped[name][1] <= stretched[name][1] for name in clipped)
