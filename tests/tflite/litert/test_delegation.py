import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.conversion.converter import convert_float_graph
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.graph.graph import INPUT, Graph, Node
from ofa_tf.tflite.litert.delegation import inspect_delegation


def test_lowered_int8_is_one_partition_and_plain_int8_is_not(subnet: keras.Model, images: np.ndarray) -> None:
    lowered = inspect_delegation(to_tflite(subnet, "int8", [images]))
    assert (lowered.num_partitions, lowered.undelegated) == (1, {})
    plain = inspect_delegation(to_tflite(subnet, "int8", [images], lowering="none"))
    assert plain.num_partitions > 5
    assert plain.undelegated["HARD_SWISH"] == plain.num_partitions - 1


def test_peak_ram_is_what_the_interpreter_allocates() -> None:
    kernel = {"kernel": np.ones((1, 1, 3, 10), np.float32)}
    wide = Node("wide", "conv2d", (INPUT,), {"stride": 1, "padding": "same"}, kernel)
    nodes = (wide, Node("mean", "mean", ("wide",)), Node("flat", "flatten", ("mean",)))
    content = convert_float_graph(Graph((8, 8, 3), nodes))
    image_and_wide = 4 * (8 * 8 * 3 + 8 * 8 * 10)
    # A mean adds up in memory of its own, and the input is kept; tensors begin at multiples of 64 bytes.
    sums = 10 * 4 + 24
    settings_and_mean = 3 * 64
    peak = inspect_delegation(content).peak_ram_bytes
    assert image_and_wide < peak <= image_and_wide + sums + settings_and_mean


def test_int8_takes_a_quarter_of_the_memory(subnet: keras.Model, images: np.ndarray) -> None:
    in_float, in_int8 = (inspect_delegation(to_tflite(subnet, kind, [images])) for kind in ("none", "int8"))
    # Hard-swish in parts needs no more than the one operator, as its product lies where an operand lay.
    assert in_int8.peak_ram_bytes == pytest.approx(in_float.peak_ram_bytes / 4, rel=0.05)


def test_a_model_of_an_open_batch_is_inspected() -> None:
    # Behind the reshape, whose shape is computed, LiteRT knows no sizes before the model runs.
    layers = [keras.layers.Input((4, 4, 3)), keras.layers.GlobalAveragePooling2D(keepdims=True)]
    network = keras.Sequential([*layers, keras.layers.Flatten(), keras.layers.Dense(5)])
    content = tf.lite.TFLiteConverter.from_keras_model(network).convert()
    delegation = inspect_delegation(content)
    assert delegation.num_operators > 3
    assert delegation.peak_ram_bytes >= 4 * (4 * 4 * 3 + 3)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(InputError, match="to be a TFLite file"):
        inspect_delegation(b"not a model at all")
