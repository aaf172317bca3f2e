"""MSE range setting: ranges that leave out rare outliers, so that all else is rounded in smaller steps."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ofa_tf.tflite.graph.graph import Graph
from ofa_tf.tflite.quantization.activation_statistics import Images, Statistic, measure_statistics
from ofa_tf.tflite.quantization.ranges import Range

_SHARES = tuple(np.linspace(0.3, 1.0, 8))  # of a range, that are tried


def clip_ranges(
    graph: Graph,
    ranges: Mapping[str, Range],
    images: Images,
) -> dict[str, Range]:
    """Shrink each range to where rounding and clipping together err least in the mean square.

    Args:
        graph: The float network.
        ranges: Of the input and all nodes.
        images: Some batches of what it takes.

    Returns:
        The ranges, each times a share between 0.3 and 1.
    """
    statistics: dict[str, Statistic] = {}
    for name, (low, high) in ranges.items():
        if low < high:
            statistics[name] = _squared_errors(low, high)
    errors = measure_statistics(graph, images, statistics, np.add)

    clipped: dict[str, Range] = {}
    for name, (low, high) in ranges.items():
        share = 1.0
        if name in errors:
            best = int(np.argmin(errors[name]))
            share = float(_SHARES[best])
        clipped[name] = (share * low, share * high)
    return clipped


def _squared_errors(low: float, high: float) -> Statistic:
    """A statistic: the squared error of an output in int8, summed, for each share of its range."""

    def measure(values: tf.Tensor) -> tf.Tensor:
        errors = []
        for share in _SHARES:
            limits = (share * low, share * high)
            rounded = tf.quantization.fake_quant_with_min_max_args(values, *limits)
            errors.append(tf.reduce_sum(tf.square(values - rounded)))
        return tf.stack(errors)

    return measure
