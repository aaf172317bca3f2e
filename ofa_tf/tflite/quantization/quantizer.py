"""Float TFLite models to integer ones, with LiteRT Quantizer."""

import contextlib
import io
import re
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ofa_tf.base.native_output import withheld_stderr
from ofa_tf.tflite.graph.graph import INPUT, Graph
from ofa_tf.tflite.litert.flatbuffer import pack_model, unpack_model
from ofa_tf.tflite.litert.interpreter import create_plain_interpreter
from ofa_tf.tflite.litert.node_tensors import tensors_of_nodes
from ofa_tf.tflite.quantization.ranges import Range

_INT16_HEADROOM = 2  # times the range: no value is clipped, for one bit of sixteen


def quantize_model(
    content: bytes,
    graph: Graph,
    ranges: Mapping[str, Range],
    activation_bits: int = 8,
    takes_uint8: bool = False,
    float_nodes: Collection[str] = (),
) -> bytes:
    """Quantize a float model: int8 weights with a scale a channel, integer activations, input and output.

    Args:
        content: Content of the float `.tflite` file.
        graph: What it was converted from.
        ranges: Of the input and all nodes, see `measure_ranges`.
        activation_bits: 8 or 16.
        takes_uint8: Whether the input shall be uint8.
        float_nodes: Names of nodes that stay float.

    Returns:
        Content of the quantized `.tflite` file.

    Raises:
        ValueError: If a node became several operators: it has one range only.
    """
    interpreter = create_plain_interpreter(content)
    tensors = {
        name: [tensor["name"] for tensor in details] for name, details in tensors_of_nodes(graph, interpreter).items()
    }
    several = [name for name, names in tensors.items() if len(names) > 1]
    if several:
        raise ValueError(f"Expected one operator a node, see `one_operator_a_node`. Received: several of {several}.")
    (input_tensor,) = interpreter.get_input_details()
    tensors[INPUT] = [input_tensor["name"]]
    rank = {tensor["name"]: len(tensor["shape"]) for tensor in interpreter.get_tensor_details()}
    factor = _INT16_HEADROOM if activation_bits == 16 else 1
    statistics = {
        tensor: {
            kind: np.full((1,) * rank[tensor], factor * value, np.float32)
            for kind, value in zip(("min", "max"), ranges[name], strict=True)
        }
        for name, names in tensors.items()
        for tensor in names
    }
    float_tensors = [tensor for name in float_nodes for tensor in tensors.get(name, [])]
    return _quantize(content, _integer_recipe(activation_bits, takes_uint8, float_tensors), statistics)


def quantize_weights(content: bytes) -> bytes:
    """Quantize the weights of a float model to int8; its activations are quantized as they come.

    Weights of depthwise convolutions stay float: they are few, and XNNPACK has no
    such kernels with int8 weights for float activations.
    """
    from litert_quantizer import qtyping
    from litert_quantizer.recipe_manager import RecipeManager

    recipe = RecipeManager()
    for name in (qtyping.TFLOperationName.CONV_2D, qtyping.TFLOperationName.FULLY_CONNECTED):
        recipe.add_dynamic_config(".*", name, num_bits=8)
    return _quantize(content, recipe.get_quantization_recipe(), None)


def _quantize(content: bytes, recipe: Any, statistics: Any) -> bytes:
    from litert_quantizer import quantizer

    with withheld_stderr(), contextlib.redirect_stderr(io.StringIO()):  # progress bars
        task = quantizer.Quantizer(content)
        task.load_quantization_recipe(recipe)
        result = task.quantize(statistics, enable_progress_bar=False, enable_progress_report=False)
    return pack_model(unpack_model(bytes(result.quantized_model)))


def _integer_recipe(activation_bits: int, takes_uint8: bool, float_tensors: Collection[str]) -> Any:
    from litert_quantizer import qtyping
    from litert_quantizer.algorithm_manager import AlgorithmName
    from litert_quantizer.recipe_manager import RecipeManager

    recipe = RecipeManager()
    every = qtyping.TFLOperationName.ALL_SUPPORTED
    recipe.add_static_config(".*", every, activation_num_bits=activation_bits, weight_num_bits=8)
    if takes_uint8:
        config = qtyping.OpQuantizationConfig(
            activation_tensor_config=qtyping.TensorQuantizationConfig(
                8, symmetric=False, dtype=qtyping.TensorDataType.UINT
            ),
            weight_tensor_config=qtyping.TensorQuantizationConfig(
                8, symmetric=True, granularity=qtyping.QuantGranularity.CHANNELWISE
            ),
            compute_precision=qtyping.ComputePrecision.INTEGER,
        )
        recipe.add_quantization_config(".*", qtyping.TFLOperationName.INPUT, config)
    for tensor in float_tensors:
        # An operator is known by the names of its outputs, each followed by a semicolon.
        recipe.add_quantization_config(f"^{re.escape(tensor)};?$", every, algorithm_key=AlgorithmName.NO_QUANTIZE)
    return recipe.get_quantization_recipe()
