"""What a graph cannot say is refused, not left out."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.keras_reader import read_keras
from ofa_tf.tflite.graph.tensorflow_runner import run_graph
from ofa_tf.tflite.lowering.lowerings import lower
from tests.support.networks import randomize

layers = keras.layers


def _images() -> keras.KerasTensor:
    return keras.Input((9, 9, 9), name="images")


def test_a_sequential_model_is_read_as_a_functional_one() -> None:
    model = keras.Sequential()
    model.add(keras.Input((6, 6, 3)))
    model.add(layers.Conv2D(4, 3, activation="relu"))
    model.add(layers.GlobalAveragePooling2D())
    images = np.random.default_rng(0).standard_normal((2, 6, 6, 3), dtype=np.float32)
    np.testing.assert_allclose(run_graph(read_keras(model), tf.constant(images)), model(images), atol=1e-6)


def test_a_layer_that_other_models_use_too_is_read_as_it_is_used_here() -> None:
    images, relu = _images(), layers.ReLU(name="r")
    first = keras.Model(images, relu(layers.Conv2D(4, 1, name="a")(images)))
    second = keras.Model(images, relu(layers.Conv2D(4, 1, name="b")(images)))
    for model, name in ((first, "a"), (second, "b")):
        assert [node.name for node in read_keras(model).nodes] == [name, "r"]


def test_a_layer_that_is_used_twice_is_refused() -> None:
    images, relu = _images(), layers.ReLU(name="r")
    x = relu(layers.Conv2D(4, 1, name="a")(images))
    model = keras.Model(images, relu(layers.Conv2D(4, 1, name="b")(x)))
    with pytest.raises(InputError, match=r"each layer to be used once. Received: 'r' used 2 times"):
        read_keras(model)


@pytest.mark.parametrize("operation", [lambda x: x * 2, keras.ops.relu])
def test_operations_outside_of_layers_are_refused(operation: Callable[[keras.KerasTensor], keras.KerasTensor]) -> None:
    images = _images()
    x = operation(layers.Conv2D(4, 1, name="a")(images))
    with pytest.raises(InputError, match=r"made of layers. Received: the operation '\w+' outside of any"):
        read_keras(keras.Model(images, layers.Conv2D(4, 1, name="b")(x)))


def test_several_outputs_and_layers_that_lead_nowhere_are_refused() -> None:
    images = _images()
    a, b = (layers.Conv2D(4, 1, name=name)(images) for name in "ab")
    with pytest.raises(InputError, match=r"to have one output. Received: 2"):
        read_keras(keras.Model(images, [a, b]))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            layers.BatchNormalization(axis=1, name="x"),
            "`axis` of the layer 'x' to be the last one. Received: 1",
        ),
        (layers.Conv2D(9, 1, data_format="channels_first", name="x"), "`data_format` of the layer 'x'"),
        (layers.DepthwiseConv2D(1, data_format="channels_first", name="x"), "`data_format` of the layer 'x'"),
        (layers.MaxPooling2D(data_format="channels_first", name="x"), "`data_format` of the layer 'x'"),
        (layers.ZeroPadding2D(data_format="channels_first", name="x"), "`data_format` of the layer 'x'"),
        (layers.GlobalAveragePooling2D(data_format="channels_first", name="x"), "`data_format` of the layer 'x'"),
        (layers.Flatten(data_format="channels_first", name="x"), "`data_format` of the layer 'x'"),
    ],
)
def test_settings_that_change_the_result_are_refused(layer: keras.layers.Layer, message: str) -> None:
    images = _images()
    with pytest.raises(InputError, match=message):
        read_keras(keras.Model(images, layer(images)))


@pytest.mark.parametrize("kind", [layers.Add, layers.Multiply])
def test_sums_of_three_are_refused(kind: type) -> None:
    images = _images()
    with pytest.raises(InputError, match=r"the layer 'x' to take two tensors. Received: 3. Use several layers"):
        read_keras(keras.Model(images, kind(name="x")([images] * 3)))


def _functional(*stack: keras.layers.Layer) -> keras.Model:
    inputs = x = keras.Input((9, 9, 3))
    for layer in stack:
        x = layer(x)
    return keras.Model(inputs, x)


def test_activations_given_as_arguments_and_pools_are_read() -> None:
    model = _functional(
        layers.Conv2D(4, 3, padding="same", activation="relu"),
        layers.DepthwiseConv2D(3, padding="valid", activation="hard_swish"),
        layers.MaxPooling2D(2, padding="same"),
        layers.AveragePooling2D(3, 2, padding="same"),
        layers.BatchNormalization(scale=False, center=False),
        layers.ReLU(6),
        layers.GlobalAveragePooling2D(),
        layers.Dense(5, activation="hard_sigmoid"),
    )
    rng = np.random.default_rng(0)
    randomize(model)
    images = rng.standard_normal((2, 9, 9, 3)).astype(np.float32)
    for integer_activations in (False, True):
        graph = lower(read_keras(model), integer_activations=integer_activations)
        expected = np.asarray(model(images))
        actual = run_graph(graph, tf.constant(images))
        np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (layers.Conv2D(4, 3, activation="gelu", name="c"), "activation of 'c' to be one of .*Received: gelu"),
        (layers.Conv2D(3, 3, groups=3, name="c"), "`groups` of the layer 'c' to be 1. Received: 3"),
        (layers.Conv2D(3, 3, dilation_rate=2, name="c"), r"`dilation_rate` of the layer 'c' to be \(1, 1\)"),
        (layers.DepthwiseConv2D(3, depth_multiplier=2, name="c"), "`depth_multiplier` of the layer 'c' to be 1"),
        (layers.ReLU(4, name="r"), "`max_value` of the layer 'r' to be None or 6. Received: 4"),
        (layers.UpSampling2D(name="u"), "types .*Received: 'u' of type UpSampling2D"),
    ],
)
def test_layers_that_a_graph_does_not_have_are_named(layer: keras.layers.Layer, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_keras(_functional(layer))
