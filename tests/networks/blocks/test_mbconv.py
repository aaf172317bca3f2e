import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.networks.blocks.mbconv import ElasticMBConv
from tests.support import plain_layers
from tests.support.networks import assert_close, randomize

ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
}
SIGNATURE = [tf.TensorSpec((None, None, None, 6)), *(tf.TensorSpec((), tf.int32) for _ in range(3))]


def build(channels: int = 6, **options) -> ElasticMBConv:
    layer = ElasticMBConv(**{"out_channels": 6, "middle_channels": 16, **options})
    layer.build((None, None, None, channels))
    return randomize(layer)


def random_inputs(height: int, width: int, channels: int = 6) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((2, height, width, channels), dtype=np.float32)


def reference(layer: ElasticMBConv, x: np.ndarray, kernel_size: int, middle: int, squeeze: int) -> np.ndarray:
    """The block out of plain layers with sliced weights."""

    def normalize(x: np.ndarray, norm: tf.keras.layers.Layer) -> np.ndarray:
        return plain_layers.batch_norm(x, [weight.numpy()[: x.shape[-1]] for weight in norm.weights], layer.epsilon)

    activate, inputs = ACTIVATIONS[layer.activation], x
    if layer.middle_channels is not None:
        x = plain_layers.conv2d(x, layer.expand_conv.kernel.numpy()[..., :middle])
        x = activate(normalize(x, layer.expand_bn))
    depthwise = layer.depthwise_conv
    matrices = [
        depthwise.transforms[str(size)].numpy() for size in (5, 3) if kernel_size <= size and len(depthwise.transforms)
    ]
    kernel = plain_layers.transform_kernel(depthwise.kernel.numpy()[:, :, :middle], matrices)
    x = activate(normalize(plain_layers.depthwise_conv2d(x, kernel, layer.strides), layer.depthwise_bn))
    if layer.squeeze_channels:
        reduce, expand = layer.squeeze_excite.reduce_conv, layer.squeeze_excite.expand_conv
        x = plain_layers.squeeze_excite(
            x,
            [reduce.kernel.numpy()[:, :, :middle, :squeeze], reduce.bias.numpy()[:squeeze]],
            [expand.kernel.numpy()[:, :, :squeeze, :middle], expand.bias.numpy()[:middle]],
        )
    x = normalize(plain_layers.conv2d(x, layer.project_conv.kernel.numpy()[:, :, :middle]), layer.project_bn)
    return inputs + x if layer.has_residual else x


@pytest.mark.parametrize(
    "options",
    [
        {"squeeze_channels": 4, "has_residual": True, "activation": "hard_swish"},
        {"out_channels": 5, "strides": 2, "activation": "relu6"},
        {"out_channels": 7, "squeeze_channels": 4, "strides": 2, "epsilon": 1e-2},
    ],
    ids=["residual-se", "stride", "stride-se"],
)
def test_equals_plain_layers_with_sliced_weights_for_ints_and_tensors(options: dict) -> None:
    layer, num_traces = build(**options), 0

    @tf.function(autograph=False, input_signature=SIGNATURE)
    def graph(inputs: tf.Tensor, kernel_size: tf.Tensor, middle: tf.Tensor, squeeze: tf.Tensor) -> tf.Tensor:
        nonlocal num_traces
        num_traces += 1
        return layer(inputs, kernel_size, middle, squeeze)

    for size, (kernel_size, middle, squeeze) in (((9, 9), (7, 16, 4)), ((8, 8), (5, 8, 2)), ((7, 10), (3, 3, 1))):
        inputs = random_inputs(*size)
        expected = reference(layer, inputs, kernel_size, middle, squeeze)
        outputs = layer(inputs, kernel_size=kernel_size, middle_channels=middle, squeeze_channels=squeeze)
        assert_close(outputs, expected)
        assert outputs.shape == layer.compute_output_shape(inputs.shape)
        assert_close(graph(inputs, *map(tf.constant, (kernel_size, middle, squeeze))), expected)
    assert num_traces == 1


def test_block_without_expansion_equals_plain_layers() -> None:
    layer = build(middle_channels=None, kernel_sizes=(3,), has_residual=True)
    inputs = random_inputs(9, 8)

    assert_close(layer(inputs), reference(layer, inputs, 3, 6, 0))
    assert not [weight.path for weight in layer.weights if "expand" in weight.path]


def test_largest_choices_are_the_default() -> None:
    layer, inputs = build(squeeze_channels=4), random_inputs(6, 6)
    np.testing.assert_array_equal(
        layer(inputs), layer(inputs, kernel_size=7, middle_channels=16, squeeze_channels=4)
    )  # fmt: skip


def test_training_updates_the_statistics_of_the_chosen_channels_only() -> None:
    layer, inputs = build(momentum=0.9), random_inputs(6, 6)
    before = {weight.path: weight.numpy() for weight in layer.non_trainable_weights}

    layer(inputs, middle_channels=8, training=True, momentum=0.5)

    assert len(before) == 6
    for weight in layer.non_trainable_weights:
        changed = weight.numpy() != before[weight.path]
        chosen = 6 if "project_bn" in weight.path else 8
        assert np.all(changed[:chosen])
        assert not np.any(changed[chosen:])


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"kernel_size": 4}, r"`kernel_size` to be one of \(3, 5, 7\)\. Received: kernel_size=4\."),
        ({"middle_channels": 17}, r"`middle_channels` to be between 1 and 16\. Received: middle_channels=17\."),
        ({"squeeze_channels": 9}, r"`squeeze_channels` to be between 1 and 4\. Received: squeeze_channels=9\."),
    ],
)
def test_choice_that_does_not_exist_is_refused(choice: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(squeeze_channels=4)(random_inputs(6, 6), **choice)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"has_residual": True, "strides": 2}, r"`strides` to be 1 with a residual connection\. Received: strides=2\."),
        ({"has_residual": True, "out_channels": 8}, r"8 input channels with a residual connection\. Received: 6\."),
        ({"activation": "gelu"}, r"`activation` to be one of \['hard_.*\]\. Received: activation='gelu'\."),
        ({"kernel_sizes": (3, 4)}, r"`kernel_sizes` to be odd and ascending\. Received: kernel_sizes=\(3, 4\)\."),
    ],
)
def test_impossible_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**options)
