"""Fine-tuning simulates what an int8 model computes, and what it learns arrives in the model."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.conversion.conversion import Conversion
from ofa_tf.tflite.conversion.keras_to_tflite import prepare_conversion, to_tflite
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.graph.tensorflow_runner import run_graph
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.quantization.fine_tuning import FineTuning
from ofa_tf.tflite.quantization.modes import QAT
from ofa_tf.tflite.quantization.qat import QuantizedTwin, fine_tune
from tests.support.networks import randomize

NUM_CLASSES = 4
layers = keras.layers


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """One of each operation of a mobile network."""
    images = keras.Input((12, 12, 3), name="images")
    x = keras.layers.Conv2D(8, 3, padding="same", use_bias=False, name="stem")(images)
    x = residual = keras.layers.Activation("hard_swish", name="swish")(keras.layers.BatchNormalization(name="bn")(x))
    x = keras.layers.DepthwiseConv2D(7, padding="same", use_bias=False, name="depthwise")(x)
    x = keras.layers.ReLU(name="relu")(keras.layers.BatchNormalization(name="depthwise_bn")(x))
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
    gate = keras.layers.Activation("hard_sigmoid", name="sigmoid")(keras.layers.Conv2D(8, 1, name="gate")(gate))
    x = keras.layers.Conv2D(8, 1, name="project")(keras.layers.Multiply(name="multiply")([x, gate]))
    x = keras.layers.Flatten(name="flatten")(keras.layers.Add(name="add")([x, residual]))
    model = keras.Model(images, keras.layers.Dense(NUM_CLASSES, name="classifier")(x))
    randomize(model, 0)
    # Channels of very different sizes, so that only a scale a channel serves their weights.
    sizes = np.geomspace(1, 1000, 8)
    kernel, norm = model.get_layer("depthwise").kernel, model.get_layer("depthwise_bn")
    kernel.assign(kernel * sizes[:, np.newaxis])
    norm.moving_mean.assign(norm.moving_mean * sizes)
    norm.moving_variance.assign(norm.moving_variance * sizes**2)
    norm.gamma.assign(norm.gamma / (1 + np.arange(8)))
    return model


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((64, 12, 12, 3), dtype=np.float32)


@pytest.fixture(scope="module")
def conversion(network: keras.Model, images: np.ndarray) -> Conversion:
    return prepare_conversion(network, "int8", [images])


@pytest.fixture(scope="module")
def twin(conversion: Conversion) -> QuantizedTwin:
    return QuantizedTwin(conversion.graph, conversion.ranges)


def test_the_twin_computes_what_the_int8_model_computes(
    twin: QuantizedTwin, conversion: Conversion, images: np.ndarray
) -> None:
    simulated = twin.network(images, training=False).numpy()
    actual = TFLiteModel(conversion.run()).predict(images)
    exact = run_graph(conversion.graph, tf.constant(images)).numpy()
    assert np.abs(simulated - actual).mean() < 0.25 * np.abs(exact - actual).mean()


def test_what_is_learnt_arrives_in_the_model(network: keras.Model, conversion: Conversion, images: np.ndarray) -> None:
    known = run_graph(conversion.graph, tf.constant(images)).numpy().argmax(-1)
    labels = np.full(64, np.bincount(known, minlength=NUM_CLASSES).argmin())  # the rarest answer
    tuning = FineTuning(lambda: iter([(images, labels)] * 60), 60, 0.01)
    graph, ranges = fine_tune(conversion.graph, conversion.ranges, network, InputFormat(), tuning)
    tuned = Conversion(graph, QAT, ranges={**conversion.ranges, **ranges})
    before, after = (TFLiteModel(each.run()).predict(images).argmax(-1) == labels for each in (conversion, tuned))
    assert before.mean() < 0.5
    assert after.mean() > 0.9


def test_a_teacher_without_news_leaves_a_network_as_it_is(
    network: keras.Model, conversion: Conversion, images: np.ndarray
) -> None:
    """With a learning rate of next to nothing, the graph that comes back is the one that went in."""
    tuning = FineTuning(lambda: [(images, np.zeros(64, int))], 1, 1e-12)
    graph, ranges = fine_tune(conversion.graph, conversion.ranges, network, InputFormat(), tuning)
    for before, after in zip(conversion.graph.nodes, graph.nodes, strict=True):
        assert before.name == after.name
        for name, weight in before.weights.items():
            np.testing.assert_allclose(after.weights[name], weight, atol=1e-6)
    for name, limits in ranges.items():
        np.testing.assert_allclose(limits, conversion.ranges[name], rtol=1e-2, atol=1e-6)


def test_a_model_that_takes_bytes_is_fine_tuned_for_them(network: keras.Model) -> None:
    input_format = InputFormat("uint8", (127.5,) * 3, (50.0,) * 3)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 12, 12, 3)).astype(np.float32)
    images = (pixels - 127.5) / np.float32(50)
    known = np.asarray(network(images)).argmax(-1)
    labels = np.full(64, np.bincount(known, minlength=NUM_CLASSES).argmin())  # the rarest answer
    tuning = FineTuning(lambda: iter([(images, labels)] * 60), 60, 0.01)
    model = TFLiteModel(to_tflite(network, "qat", [images], input_format=input_format, fine_tuning=tuning))
    assert model.input_dtype == np.uint8
    assert model.describe_tensors()["input_tensor"]["scale"] == 1
    assert (known == labels).mean() < 0.5
    assert (model.predict(pixels).argmax(-1) == labels).mean() > 0.9


def test_other_operations_are_fine_tuned_as_they_are_rounded() -> None:
    images = keras.Input((13, 13, 3), name="images")
    x = layers.Conv2D(8, 3, strides=2, use_bias=False, name="stem")(layers.ZeroPadding2D(1, name="pad")(images))
    x = layers.ReLU(6.0, name="stem_relu6")(layers.BatchNormalization(name="stem_bn")(x))
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="max_pool")(x)
    shortcut = layers.Conv2D(8, 1, name="shortcut")(layers.AveragePooling2D(2, strides=2, name="average_pool")(x))
    x = layers.DepthwiseConv2D(3, strides=2, padding="valid", name="depthwise")(layers.ZeroPadding2D(1, name="pad2")(x))
    x = layers.ReLU(6.0, name="relu6")(layers.BatchNormalization(name="depthwise_bn")(x))
    x = layers.ReLU(name="sum_relu")(layers.Add(name="sum")([layers.Conv2D(8, 1, name="project")(x), shortcut]))
    model = keras.Model(images, layers.Dense(4, name="classifier")(layers.GlobalAveragePooling2D(name="mean")(x)))
    randomize(model, 1)
    batch = np.random.default_rng(0).standard_normal((64, 13, 13, 3), dtype=np.float32)
    conversion = prepare_conversion(model, "int8", [batch])
    simulated = QuantizedTwin(conversion.graph, conversion.ranges).network(batch, training=False).numpy()
    actual = TFLiteModel(conversion.run()).predict(batch)
    exact = np.asarray(model(batch))
    assert np.corrcoef(actual.ravel(), exact.ravel())[0, 1] > 0.99
    assert np.abs(simulated - actual).mean() < 0.5 * np.abs(exact - actual).mean()


def test_too_few_batches_are_named(network: keras.Model, conversion: Conversion, images: np.ndarray) -> None:
    tuning = FineTuning(lambda: [(images, np.zeros(64, int))], 2, 1e-5)
    with pytest.raises(InputError, match=r"Expected 2 batches to fine-tune on. Received: 1"):
        fine_tune(conversion.graph, conversion.ranges, network, InputFormat(), tuning)
    with pytest.raises(InputError, match=r"`num_steps` to be a whole number of at least 1. Received: num_steps=0"):
        FineTuning(list, 0)


def test_fine_tuning_leaves_keras_what_it_is() -> None:
    program = (
        "import os, ofa_tf.tflite.quantization.qat, tensorflow as tf; "
        "assert 'TF_USE_LEGACY_KERAS' not in os.environ; assert tf.keras.version().startswith('3.')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_fine_tuning_needs_labelled_images(network: keras.Model, images: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"Expected `fine_tuning`.* for quantization='qat'. Received: none"):
        to_tflite(network, "qat", [images])
