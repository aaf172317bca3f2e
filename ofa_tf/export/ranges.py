"""Ranges of activations, from which integer models get their scales."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from ofa_tf.errors import InputError
from ofa_tf.export.graph import INPUT, Graph
from ofa_tf.export.graph_function import run_all

Range = tuple[float, float]  # smallest and largest value; 0 lies between them


def measure_ranges(graph: Graph, batches: Iterable[np.ndarray]) -> dict[str, Range]:
    """The range of the input and of each node's output over images.

    Args:
        graph: What to run.
        batches: Images as the graph takes them, `(n, height, width, channels)`.

    Raises:
        InputError: If an output is not finite, as in a network whose training
            failed.
    """
    names = [INPUT, *(node.name for node in graph.nodes)]

    def extremes(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values = {INPUT: images, **run_all(graph, images)}
        return tuple(tf.stack([reduce(values[name]) for name in names]) for reduce in (tf.reduce_min, tf.reduce_max))

    measure = trace(extremes, graph)
    low, high = np.zeros(len(names)), np.zeros(len(names))
    for images in batches:
        batch_low, batch_high = measure(tf.convert_to_tensor(images))
        low, high = np.minimum(low, batch_low), np.maximum(high, batch_high)
    wrong = [name for name, a, b in zip(names, low, high, strict=True) if not np.isfinite([a, b]).all()]
    if wrong:
        raise InputError(
            f"Expected all layers to give finite numbers. Received: NaN or infinite ones from {wrong[0]!r}. "
            "Train again with a lower learning rate, or calibrate batch normalization."
        )
    return {name: (float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)}


def trace(function: Callable[[tf.Tensor], Any], graph: Graph) -> Callable[[tf.Tensor], Any]:
    """A function of batches of images that a graph takes, traced once, for batches of any size."""
    signature = tf.TensorSpec((None, *graph.input_shape), tf.float32)
    return tf.function(function, input_signature=[signature], autograph=False).get_concrete_function()
