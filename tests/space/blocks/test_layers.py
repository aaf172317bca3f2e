"""A part as a row of layers is the part as Keras layers."""

import math
from collections import Counter

import keras
import pytest

from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks.layers import LayerKind, layer_sizes
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from tests.support.spaces import BOTTLENECKS

TINY = get_search_space("mobilenet_v3_tiny")
_KERAS_LAYERS = {
    LayerKind.CONVOLUTION: keras.layers.Conv2D,
    LayerKind.DEPTHWISE: keras.layers.DepthwiseConv2D,
    LayerKind.DENSE: keras.layers.Dense,
    LayerKind.ACTIVATION: keras.layers.Activation,
    LayerKind.ADD: keras.layers.Add,
    LayerKind.MULTIPLY: keras.layers.Multiply,
    LayerKind.MAX_POOL: keras.layers.MaxPooling2D,
    LayerKind.AVERAGE_POOL: keras.layers.AveragePooling2D,
    LayerKind.MEAN: keras.layers.GlobalAveragePooling2D,
    LayerKind.FLATTEN: keras.layers.Flatten,
}
_NOT_LAYERS_OF_THEIR_OWN = (
    keras.layers.InputLayer,
    keras.layers.BatchNormalization,
    keras.layers.ZeroPadding2D,
)


@pytest.mark.parametrize("space", [TINY, BOTTLENECKS], ids=lambda space: space.name)
def test_the_layers_are_those_of_the_plain_network(space: SearchSpace) -> None:
    for arch in (space.smallest(), space.largest()):
        subnet = build_subnet(space, arch, num_classes=7)
        built: Counter = Counter()
        for layer in subnet.layers:
            if not isinstance(layer, _NOT_LAYERS_OF_THEIR_OWN):
                num_weights = sum(math.prod(weight.shape) for weight in layer.weights)
                built[type(layer), tuple(layer.output.shape[1:]), num_weights] += 1
        assert described_layers(space, arch) == built


def described_layers(space: SearchSpace, arch: Arch) -> Counter:
    """How many layers of a type, an output shape and a number of weights the parts of an arch have."""
    input_sizes = space.input_sizes(arch.image_size)
    described: Counter = Counter()
    for name, part in space.plain_parts(arch).items():
        layers = part.layers(7)
        sizes = layer_sizes(layers, input_sizes[name])
        for layer in layers:
            is_image = layer.kind not in (LayerKind.DENSE, LayerKind.FLATTEN)
            shape = (layer.out_channels,)
            if is_image:
                shape = (sizes[layer.name], sizes[layer.name], layer.out_channels)
            num_weights = layer.num_weights + layer.has_bias * layer.out_channels
            described[_KERAS_LAYERS[layer.kind], shape, num_weights] += 1
    return described
