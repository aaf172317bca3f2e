"""Putting the channels of layers into another order."""

from collections.abc import Sequence

import keras
import numpy as np

from ofa_tf.networks.layers.elastic_batch_normalization import ElasticBatchNormalization
from ofa_tf.networks.layers.slicing import as_numpy


def order_by_importance(kernel: keras.Variable, boundaries: Sequence[int] = ()) -> np.ndarray:
    """The input channels of a convolution by falling importance.

    The importance of a channel is the L1 norm of the weights that read it.

    Args:
        kernel: `(height, width, in, out)`.
        boundaries: Ends of groups of channels that stay together: the channels
            before a boundary stay before it.

    Returns:
        Indices of the channels, `(in,)`.

    Reference: Once-for-All, section 3.3, figure 4.
    """
    importance = np.abs(as_numpy(kernel)).sum(axis=(0, 1, 3))
    ends = sorted({*boundaries, len(importance)})
    starts = [0, *ends[:-1]]
    groups = []
    for start, end in zip(starts, ends, strict=True):
        group = np.arange(start, end)
        groups.append(group[np.argsort(-importance[group], kind="stable")])
    return np.concatenate(groups)


def permute_channels(variable: keras.Variable, order: np.ndarray, axis: int = -1) -> None:
    """Reorder a weight along one axis, in place."""
    variable.assign(np.take(as_numpy(variable), order, axis=axis))


def permute_normalization(layer: ElasticBatchNormalization, order: np.ndarray) -> None:
    """Reorder the channels of batch normalization, in place."""
    for variable in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance):
        permute_channels(variable, order)
