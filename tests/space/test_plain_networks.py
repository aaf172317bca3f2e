import keras
import numpy as np
import pytest

from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.costs import num_macs, num_params
from ofa_tf.space.plain_networks import SMALL_NETWORKS, mobilenet_v2, mobilenet_v3_small


def _num_trainable(model: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.parametrize("width", [0.5, 1.0, 1.4])
def test_mobilenet_v2_is_that_of_keras(width: float) -> None:
    reference = keras.applications.MobileNetV2(alpha=width, weights=None)
    space = mobilenet_v2(width, 224)
    assert num_params(space, space.largest(), 1000) == _num_trainable(reference)


def test_mobilenet_v2_computes_what_was_published() -> None:
    space = mobilenet_v2(1.0, 224)
    assert num_macs(space, space.largest(), 1000) == pytest.approx(300e6, rel=0.01)


def test_mobilenet_v3_small_is_that_of_keras_but_for_its_first_block() -> None:
    reference = keras.applications.MobileNetV3Small(weights=None)
    space = mobilenet_v3_small(1.0, 224)
    squeeze_excite = 16 * 8 + 8 + 8 * 16 + 16
    bias_of_head = 1024
    assert num_params(space, space.largest(), 1000) == _num_trainable(reference) - squeeze_excite - bias_of_head


@pytest.mark.parametrize("name", list(SMALL_NETWORKS))
def test_a_network_for_small_images_is_one_of_its_width(name: str) -> None:
    costs = []
    for width in (0.1, 0.5, 1.0, 2.0):
        space = SMALL_NETWORKS[name](width)
        assert space.name == f"{name}_w{width:g}"
        assert space.count(include_image_sizes=True) == 1
        costs.append(int(num_macs(space, space.largest(), 10)))
    assert costs == sorted(costs)


@pytest.mark.parametrize("name", list(SMALL_NETWORKS))
def test_a_network_for_small_images_ends_with_four_by_four_positions(name: str) -> None:
    space = SMALL_NETWORKS[name](0.5)
    model = build_subnet(space, space.largest(), num_classes=10)
    pooled = [layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)]
    assert pooled[0].input.shape[1:3] == (4, 4)
