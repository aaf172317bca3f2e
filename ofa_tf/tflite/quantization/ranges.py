"""Ranges of activations, from which integer models get their scales."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.graph import Graph
from ofa_tf.tflite.graph.tensorflow_runner import iterate_outputs

Range = tuple[float, float]  # smallest and largest value; 0 lies between them


def measure_ranges(graph: Graph, batches: Iterable[np.ndarray]) -> dict[str, Range]:
    """The range of the input and of each node's output over images.

    Args:
        graph: What to run.
        batches: Images as the graph takes them, `(n, height, width, channels)`.

    Returns:
        Smallest and largest value by the name of the node, and of the input; 0
        lies between them.

    Raises:
        InputError: If an output is not finite, as in a network whose training
            failed.
    """
    ranges: dict[str, Range] = {}
    for images in batches:
        for name, values in iterate_outputs(graph, tf.convert_to_tensor(images)):
            low = float(tf.reduce_min(values))
            high = float(tf.reduce_max(values))
            _check_finite(name, low, high)
            known_low, known_high = ranges.get(name, (0.0, 0.0))
            ranges[name] = (min(low, known_low), max(high, known_high))
    return ranges


def _check_finite(name: str, low: float, high: float) -> None:
    if not np.isfinite([low, high]).all():
        raise InputError(
            f"Expected all layers to give finite numbers. Received: NaN or infinite ones from {name!r}. "
            "Train again with a lower learning rate, or calibrate batch normalization."
        )
