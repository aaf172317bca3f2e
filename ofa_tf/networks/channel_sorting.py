"""Channel sorting: the most important middle channels come first."""

from collections.abc import Sequence

import keras
import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.networks.blocks.bottleneck import ElasticBottleneck
from ofa_tf.networks.blocks.mbconv import ElasticMBConv
from ofa_tf.networks.layers.elastic_batch_normalization import ElasticBatchNormalization
from ofa_tf.networks.layers.slicing import as_numpy
from ofa_tf.networks.supernet import Supernet


def sort_channels(supernet: Supernet, stage: int = 0) -> None:
    """Reorder the middle channels of every block by importance, in place.

    A narrower block keeps the first channels, so the important ones must come
    first when a width stage begins. The importance of a channel is the L1 norm
    of its row of the projecting convolution. The largest subnet's output does
    not change.

    Args:
        supernet: Its weights and running statistics are reordered.
        stage: Width stage about to begin, from 0. In stage s, the channels that
            the s largest-but-one expand ratios keep stay ahead of the others.

    Raises:
        InputError: If `stage` is not below every block's number of expand ratios.

    Reference: Once-for-All, section 3.3, figure 4, and its released code.
    """
    ratios = [part.values("middle_channels").reshape(-1, part.options.shape[-1])[-1] for part in supernet.space.blocks]
    last = min(len(middle_channels) for middle_channels in ratios) - 1
    if not 0 <= stage <= last:
        raise InputError(f"Expected `stage` to be from 0 to {last}. Received: stage={stage}.")
    for middle_channels, layer in zip(ratios, supernet.blocks, strict=True):
        kept = [int(channels) for channels in middle_channels[::-1][: stage + 1]]
        if isinstance(layer, ElasticMBConv):
            order = _descending(_l1_norm(layer.project_conv.kernel, axis=-2), boundaries=kept)
            _reorder_middle(layer, order)
        else:
            _reorder_bottleneck(layer, kept)


def _reorder_bottleneck(layer: ElasticBottleneck, kept: Sequence[int]) -> None:
    """The channels on both sides of the 3x3 convolution, each by the weights that read them."""
    order = _descending(_l1_norm(layer.conv3.kernel, axis=-2), boundaries=kept)
    _permute(layer.conv2.kernel, order, axis=-1)
    _permute_normalization(layer.bn2, order)
    _permute(layer.conv3.kernel, order, axis=-2)
    order = _descending(_l1_norm(layer.conv2.kernel, axis=-2), boundaries=kept)
    _permute(layer.conv1.kernel, order, axis=-1)
    _permute_normalization(layer.bn1, order)
    _permute(layer.conv2.kernel, order, axis=-2)


def _reorder_middle(layer: ElasticMBConv, order: np.ndarray) -> None:
    _permute(layer.expand_conv.kernel, order, axis=-1)
    _permute_normalization(layer.expand_bn, order)
    _permute(layer.depthwise_conv.kernel, order, axis=-2)
    _permute_normalization(layer.depthwise_bn, order)
    _permute(layer.project_conv.kernel, order, axis=-2)
    if layer.squeeze_channels:
        reduce, expand = layer.squeeze_excite.reduce_conv, layer.squeeze_excite.expand_conv
        _permute(reduce.kernel, order, axis=-2)
        _permute(expand.kernel, order, axis=-1)
        _permute(expand.bias, order, axis=-1)
        squeeze_order = _descending(_l1_norm(expand.kernel, axis=-2))
        _permute(expand.kernel, squeeze_order, axis=-2)
        _permute(reduce.kernel, squeeze_order, axis=-1)
        _permute(reduce.bias, squeeze_order, axis=-1)


def _permute_normalization(layer: ElasticBatchNormalization, order: np.ndarray) -> None:
    for variable in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance):
        _permute(variable, order, axis=-1)


def _permute(variable: keras.Variable, order: np.ndarray, axis: int) -> None:
    variable.assign(np.take(as_numpy(variable), order, axis=axis))


def _l1_norm(variable: keras.Variable, axis: int) -> np.ndarray:
    values = np.abs(as_numpy(variable))
    axis %= values.ndim
    return values.sum(axis=tuple(other for other in range(values.ndim) if other != axis))


def _descending(importance: np.ndarray, boundaries: Sequence[int] = ()) -> np.ndarray:
    """Indices by falling importance, within groups that end at the `boundaries`."""
    ends = sorted({*boundaries, len(importance)})
    groups = [np.arange(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return np.concatenate([group[np.argsort(-importance[group], kind="stable")] for group in groups])
