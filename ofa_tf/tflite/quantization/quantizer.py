"""Float TFLite models to integer ones, with LiteRT Quantizer."""

import contextlib
import io
import re
import threading
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ofa_tf.base.native_output import withheld_stderr
from ofa_tf.tflite.graph.graph import INPUT, Graph
from ofa_tf.tflite.litert.interpreter import create_undelegated_interpreter
from ofa_tf.tflite.litert.node_tensors import tensors_of_nodes
from ofa_tf.tflite.quantization.ranges import Range

_INT16_HEADROOM = 2  # times the range: no value is clipped, for one bit of sixteen
_EVERY_OPERATOR = ".*"  # a regular expression for names of operators

_Statistics = dict[str, dict[str, np.ndarray]]  # smallest and largest value by the name of the tensor

# `contextlib.redirect_stderr` exchanges `sys.stderr` for the whole process: two that overlap would leave it exchanged.
_one_at_a_time = threading.Lock()


def quantize_model(
    content: bytes,
    graph: Graph,
    ranges: Mapping[str, Range],
    *,
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
    tensors = _tensors_by_node(content, graph)
    statistics: _Statistics = {}
    for name, tensor in tensors.items():
        statistics[tensor["name"]] = _describe_range(
            ranges[name],
            activation_bits,
            rank=len(tensor["shape"]),
        )

    float_tensors = [tensors[name]["name"] for name in float_nodes if name in tensors]
    recipe = _integer_recipe(activation_bits, takes_uint8, float_tensors)
    return _quantize(content, recipe, statistics)


def _tensors_by_node(content: bytes, graph: Graph) -> dict[str, dict[str, Any]]:
    """The tensor of each node that has one, and that of the input."""
    interpreter = create_undelegated_interpreter(content)
    tensors_by_node = tensors_of_nodes(graph, interpreter)
    several = [name for name, tensors in tensors_by_node.items() if len(tensors) > 1]
    if several:
        raise ValueError(f"Expected one operator a node, see `split_into_operators`. Received: several of {several}.")
    found = {name: tensors[0] for name, tensors in tensors_by_node.items()}
    (input_tensor,) = interpreter.get_input_details()
    return {**found, INPUT: input_tensor}


def _describe_range(
    limits: Range,
    activation_bits: int,
    rank: int,
) -> dict[str, np.ndarray]:
    """A range as the quantizer takes it: arrays of one number, of the tensor's rank."""
    headroom = _INT16_HEADROOM if activation_bits == 16 else 1
    low, high = limits
    shape = (1,) * rank
    return {
        "min": np.full(shape, headroom * low, np.float32),
        "max": np.full(shape, headroom * high, np.float32),
    }


def quantize_weights(content: bytes) -> bytes:
    """Quantize the weights of a float model to int8; its activations are quantized as they come.

    Weights of depthwise convolutions stay float: they are few, and XNNPACK has no
    such kernels with int8 weights for float activations.
    """
    from litert_quantizer import qtyping
    from litert_quantizer.recipe_manager import RecipeManager

    recipe = RecipeManager()
    for operator in (qtyping.TFLOperationName.CONV_2D, qtyping.TFLOperationName.FULLY_CONNECTED):
        recipe.add_dynamic_config(_EVERY_OPERATOR, operator, num_bits=8)
    return _quantize(content, recipe.get_quantization_recipe(), None)


def _quantize(content: bytes, recipe: Any, statistics: _Statistics | None) -> bytes:
    from litert_quantizer import quantizer

    # A large model gets progress bars, which in a notebook do not go to the file descriptor of stderr.
    no_progress_bars = contextlib.redirect_stderr(io.StringIO())
    with _one_at_a_time, withheld_stderr(), no_progress_bars:
        task = quantizer.Quantizer(content)
        task.load_quantization_recipe(recipe)
        result = task.quantize(
            statistics,
            enable_progress_bar=False,
            enable_progress_report=False,
        )
    return bytes(result.quantized_model)


def _integer_recipe(
    activation_bits: int,
    takes_uint8: bool,
    float_tensors: Collection[str],
) -> Any:
    from litert_quantizer import qtyping
    from litert_quantizer.algorithm_manager import AlgorithmName
    from litert_quantizer.recipe_manager import RecipeManager

    recipe = RecipeManager()
    any_kind = qtyping.TFLOperationName.ALL_SUPPORTED
    recipe.add_static_config(
        _EVERY_OPERATOR,
        any_kind,
        activation_num_bits=activation_bits,
        weight_num_bits=8,
    )
    if takes_uint8:
        recipe.add_quantization_config(
            _EVERY_OPERATOR,
            qtyping.TFLOperationName.INPUT,
            _uint8_input(),
        )
    for tensor in float_tensors:
        # An operator is known by the names of its outputs, each followed by a semicolon.
        operator = f"^{re.escape(tensor)};?$"
        recipe.add_quantization_config(
            operator,
            any_kind,
            algorithm_key=AlgorithmName.NO_QUANTIZE,
        )
    return recipe.get_quantization_recipe()


def _uint8_input() -> Any:
    from litert_quantizer import qtyping

    activations = qtyping.TensorQuantizationConfig(
        num_bits=8,
        symmetric=False,
        dtype=qtyping.TensorDataType.UINT,
    )
    weights = qtyping.TensorQuantizationConfig(
        num_bits=8,
        symmetric=True,
        granularity=qtyping.QuantGranularity.CHANNELWISE,
    )
    return qtyping.OpQuantizationConfig(
        activation_tensor_config=activations,
        weight_tensor_config=weights,
        compute_precision=qtyping.ComputePrecision.INTEGER,
    )
