"""What every elastic layer must do as a Keras layer."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.networks.blocks.bottleneck import ElasticBottleneck
from ofa_tf.networks.blocks.deep_stem import ElasticDeepStem
from ofa_tf.networks.blocks.head import ElasticHead
from ofa_tf.networks.blocks.mbconv import ElasticMBConv
from ofa_tf.networks.blocks.stem import ConvStem
from ofa_tf.networks.layers.elastic_batch_normalization import ElasticBatchNormalization
from ofa_tf.networks.layers.elastic_conv2d import ElasticConv2D
from ofa_tf.networks.layers.elastic_dense import ElasticDense
from ofa_tf.networks.layers.elastic_depthwise_conv2d import ElasticDepthwiseConv2D
from ofa_tf.networks.layers.elastic_squeeze_excite import ElasticSqueezeExcite
from ofa_tf.networks.layers.initializers import convolution_initializer
from tests.support.networks import assert_close, randomize

# No option has its default value.
LAYERS = {
    "conv": (
        ElasticConv2D,
        {"filters": 7, "kernel_size": 3, "strides": 2, "use_bias": True, "kernel_initializer": "he_normal"},
    ),
    "depthwise": (
        ElasticDepthwiseConv2D,
        {"kernel_sizes": (3, 5), "strides": 2, "kernel_initializer": convolution_initializer(3)},
    ),
    "norm": (ElasticBatchNormalization, {"epsilon": 1e-2, "momentum": 0.5}),
    "se": (ElasticSqueezeExcite, {"squeeze_channels": 3, "kernel_initializer": "he_normal"}),
    "mbconv": (
        ElasticMBConv,
        {
            "out_channels": 8,
            "middle_channels": 12,
            "kernel_sizes": (3, 5),
            "strides": 1,
            "activation": "hard_swish",
            "squeeze_channels": 4,
            "has_residual": True,
            "epsilon": 1e-2,
            "momentum": 0.5,
            "kernel_initializer": convolution_initializer(3),
        },
    ),
    "mbconv without expansion": (
        ElasticMBConv,
        {"out_channels": 9, "middle_channels": None, "kernel_sizes": (3,), "strides": 2},
    ),
    "bottleneck": (
        ElasticBottleneck,
        {
            "middle_channels": 4,
            "out_channels": 12,
            "strides": 2,
            "has_downsample": True,
            "epsilon": 1e-2,
            "momentum": 0.5,
            "kernel_initializer": convolution_initializer(3),
        },
    ),
    "stem": (
        ConvStem,
        {
            "out_channels": 6,
            "strides": 1,
            "activation": "relu6",
            "epsilon": 1e-2,
            "momentum": 0.5,
            "kernel_initializer": convolution_initializer(3),
        },
    ),
    "deep stem": (
        ElasticDeepStem,
        {
            "middle_channels": 4,
            "out_channels": 6,
            "epsilon": 1e-2,
            "momentum": 0.5,
            "kernel_initializer": convolution_initializer(3),
        },
    ),
    "head": (
        ElasticHead,
        {
            "num_classes": 5,
            "feature_width": 12,
            "head_width": 10,
            "activation": "relu",
            "dropout_rate": 0.25,
            "epsilon": 1e-2,
            "momentum": 0.5,
            "kernel_initializer": convolution_initializer(3),
            "seed": 3,
        },
    ),
}

every_layer = pytest.mark.parametrize(("kind", "options"), LAYERS.values(), ids=LAYERS)


def random_inputs() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((2, 7, 8, 8), dtype=np.float32)


@every_layer
def test_config_survives_json(kind: type, options: dict) -> None:
    layer, inputs = kind(name="mine", **options), random_inputs()
    layer.build(inputs.shape)
    randomize(layer)

    config = json.loads(json.dumps(keras.layers.serialize(layer)))
    again = keras.layers.deserialize(config)

    assert type(again) is kind
    assert again.name == "mine"
    assert config["registered_name"] == f"ofa_tf>{kind.__name__}"
    for option, value in options.items():
        if option != "kernel_initializer":
            assert getattr(again, option) == value
    assert again.get_config() == layer.get_config()
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(inputs), layer(inputs))


@every_layer
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_computes_in_half_and_keeps_float32_weights(kind: type, options: dict, policy: str) -> None:
    inputs = random_inputs()
    exact, half = kind(**options), kind(**options, dtype=policy)
    for layer in (exact, half):
        layer.build(inputs.shape)
        randomize(layer)

    with tf.GradientTape() as tape:
        outputs = half(inputs)
        loss = tf.reduce_sum(tf.cast(outputs, tf.float32) ** 2)
    gradients = tape.gradient(loss, [weight.value for weight in half.trainable_weights])

    is_head = kind is ElasticHead  # whose logits are float32
    assert outputs.dtype == ("float32" if is_head else policy.removeprefix("mixed_"))
    assert {weight.dtype for weight in half.weights} == {"float32"}
    assert {gradient.dtype for gradient in gradients if gradient is not None} == {tf.float32}
    assert_close(outputs, exact(inputs), 0.05 if "b" in policy else 0.01)


@every_layer
def test_shape_is_known_before_the_call(kind: type, options: dict) -> None:
    layer, inputs = kind(**options), random_inputs()
    layer.build((None, None, None, 8))

    assert layer.compute_output_shape(inputs.shape) == tuple(layer(inputs).shape)
    if kind is not ElasticHead:  # whose output has no height and width
        assert layer.compute_output_shape((None, None, None, 8))[:3] == (None, None, None)


def test_fresh_weights_follow_a_seed_and_differ_between_the_convolutions_of_a_block() -> None:
    def build(seed: int) -> list[np.ndarray]:
        initializer = convolution_initializer(seed)
        layer = ElasticMBConv(8, 8, kernel_sizes=(3,), squeeze_channels=8, kernel_initializer=initializer)
        layer.build((None, None, None, 8))
        return [weight.numpy() for weight in layer.weights if weight.path.endswith("kernel")]

    first, second, other = build(0), build(0), build(1)

    for one, two, three in zip(first, second, other, strict=True):
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, three)
    pointwise = [kernel for kernel in first if kernel.shape == (1, 1, 8, 8)]
    assert len(pointwise) == 4
    assert len({kernel.tobytes() for kernel in pointwise}) == 4


def test_a_dense_layer_uses_its_first_input_channels_and_survives_json() -> None:
    layer = ElasticDense(5, "he_normal", name="mine")
    layer.build((None, 8))
    randomize(layer)
    inputs = random_inputs()[:, 0, 0]
    kernel, bias = layer.static_weights(3)

    assert_close(layer(inputs[:, :3]), inputs[:, :3] @ kernel + bias)
    assert kernel.shape == (3, 5)
    config = json.loads(json.dumps(keras.layers.serialize(layer)))
    assert config["registered_name"] == "ofa_tf>ElasticDense"
    again = keras.layers.deserialize(config)
    assert again.get_config() == layer.get_config()
    assert again.compute_output_shape((2, 8)) == (2, 5)
