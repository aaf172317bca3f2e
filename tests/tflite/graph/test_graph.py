"""A graph knows the sizes of its outputs, and runs node by node."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.graph import INPUT, Graph, Node
from ofa_tf.tflite.graph.keras_reader import read_keras
from ofa_tf.tflite.graph.tensorflow_runner import run_all
from ofa_tf.tflite.lowering.lowerings import lower
from tests.support.random_subnets import LARGE_KERNELS, random_subnet
from tests.support.spaces import SMALL


def test_sizes_are_those_of_the_outputs() -> None:
    model, images = random_subnet(LARGE_KERNELS, 0)
    for graph in (read_keras(model), lower(read_keras(model), integer_activations=True)):
        values = run_all(graph, tf.constant(images))
        for name, size in graph.sizes().items():
            if len(values[name].shape) == 4:
                assert size == tuple(values[name].shape[1:3]), name


def test_every_node_can_be_looked_at() -> None:
    model, images = random_subnet(SMALL, 1)
    values = run_all(read_keras(model), tf.constant(images))
    layer = model.get_layer("stage1_block1_project_bn")
    inner = keras.Model(model.inputs, layer.output)
    np.testing.assert_allclose(values["stage1_block1_project_bn"], inner(images), atol=1e-4)


def test_a_graph_refuses_nodes_out_of_order_and_names_used_twice() -> None:
    first, second = Node("a", "flatten", (INPUT,)), Node("b", "flatten", ("a",))
    with pytest.raises(InputError, match=r"inputs of 'b' to come before it\. Received: \['a'\]"):
        Graph((4, 4, 3), (second, first))
    with pytest.raises(InputError, match=r"names of nodes to differ\. Received: 'a' twice"):
        Graph((4, 4, 3), (first, first))
