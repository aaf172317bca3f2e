import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.graph import INPUT, Node
from ofa_tf.tflite.graph.keras_reader import read_keras
from ofa_tf.tflite.quantization.ranges import measure_ranges


def test_ranges_are_those_of_the_keras_models_layers(subnet: keras.Model, images: np.ndarray) -> None:
    ranges = measure_ranges(read_keras(subnet), [images[:5], images[5:]])
    assert ranges[INPUT] == (images.min(), images.max())
    for name in ("stem_bn", "stage2_block1_depthwise_conv", "stage4_block2_add"):
        outputs = np.asarray(keras.Model(subnet.inputs, subnet.get_layer(name).output)(images))
        np.testing.assert_allclose(ranges[name], (min(0, outputs.min()), max(0, outputs.max())), rtol=1e-4, atol=1e-6)


def test_a_layer_that_gives_nan_is_named(subnet: keras.Model, images: np.ndarray) -> None:
    def spoil(node: Node) -> list[Node]:
        return (
            [node.with_weights(scale=np.float32(np.inf) * node.weights["scale"])] if node.name == "stem_bn" else [node]
        )

    with pytest.raises(InputError, match=r"NaN or infinite ones from 'stem_bn'. Train again"):
        measure_ranges(read_keras(subnet).map(spoil), [images])


def test_zero_lies_in_every_range(subnet: keras.Model, images: np.ndarray) -> None:
    ranges = measure_ranges(read_keras(subnet), [1 + np.abs(images)])
    assert ranges[INPUT][0] == 0
    assert all(low <= 0 <= high for low, high in ranges.values())
