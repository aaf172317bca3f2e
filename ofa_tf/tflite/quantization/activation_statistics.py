"""Statistics of the outputs of a graph's nodes over some images."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import tensorflow as tf

from ofa_tf.tflite.graph.graph import Graph
from ofa_tf.tflite.graph.tensorflow_runner import iterate_outputs

Images = Iterable[np.ndarray]  # batches as the graph takes them, `(n, height, width, channels)`
Statistic = Callable[[tf.Tensor], tf.Tensor]  # of a node's output for a batch


def measure_statistics(
    graph: Graph,
    images: Images,
    statistics: Mapping[str, Statistic],
    combine: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> dict[str, np.ndarray]:
    """A statistic of each of some outputs, over batches.

    Args:
        graph: What to run.
        images: What it runs on.
        statistics: What to measure, by the name of the node, or of the input.
        combine: The statistic of two batches from those of each.

    Returns:
        The statistics of all images, by name.
    """
    total: dict[str, np.ndarray] = {}
    for batch in images:
        for name, values in iterate_outputs(graph, tf.convert_to_tensor(batch)):
            if name not in statistics:
                continue
            value = statistics[name](values).numpy()
            total[name] = combine(total[name], value) if name in total else value
    return total
