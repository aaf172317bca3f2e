"""`RelaxedNetwork`: a network whose choices are mixed by probabilities, so that these have gradients.

Mixed are weights, not outputs. A depthwise kernel is the largest one, each ring of it multiplied by the probability of
the kernel sizes that reach it. A channel of an expansion counts as much as the expand ratios that have it are probable.
A block that may be skipped is added as much as the depths that have it are probable. So a step takes the time and the
memory of the largest network, however many choices there are.

That kernels and channels are parts of one another is from Single-Path NAS. It decides by thresholds on the norms of
these parts, though; the probabilities, and the gates of blocks, are those of DARTS.

Reference: Single-Path NAS, Stamoulis et al., ECML PKDD 2019 (arXiv 1904.02877), section 3; DARTS, Liu et al., ICLR
2019, section 2.2.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from ofa_tf.base.registry import Registry
from ofa_tf.networks.blocks.mbconv import ElasticMBConv
from ofa_tf.networks.layers.activations import get_activation
from ofa_tf.networks.layers.depthwise import depthwise_conv2d
from ofa_tf.networks.layers.elastic_squeeze_excite import ElasticSqueezeExcite
from ofa_tf.networks.layers.pooling import global_average_pool
from ofa_tf.networks.supernet import Supernet
from ofa_tf.space.blocks.mbconv import MBConv
from ofa_tf.space.parts import Part

# A part's layer, its choices, its input, the probabilities and whether it is trained -> its output.
RelaxedPart = Callable[[Any, Part, tf.Tensor, tf.Tensor, bool], tf.Tensor]

RELAXED_PARTS: Registry[RelaxedPart] = Registry(
    "part type that can be relaxed", hint="Others need a function in ofa_tf/studies/nas/relaxed_network.py."
)


class RelaxedNetwork:
    """The weights of a supernet, run with probabilities of choices in place of an arch.

    With probabilities of 0 and 1 it is the subnet of these choices, as long as the supernet's kernel transforms are
    identities, as they are at first; they are not used here, and so not trained.

    Args:
        supernet: Whose weights are used.

    Raises:
        InputError: If its space has parts with choices that cannot be relaxed.
    """

    def __init__(self, supernet: Supernet) -> None:
        self.supernet = supernet
        self._space = supernet.space
        for part in self._space.parts:
            if part.options.size > 1:
                RELAXED_PARTS[part.largest.type_name]  # raises for an unknown one

    def __call__(self, images: tf.Tensor, probabilities: tf.Tensor, training: bool) -> tf.Tensor:
        """Logits, float32 `(batch, num_classes)`.

        Args:
            images: float32 `(batch, height, width, 3)`.
            probabilities: Of each choice of each gene, float32 `(num_genes, most choices)`, 0 where there is none. That
                of the image size is not looked at.
            training: Whether batch normalization uses the batch's statistics; running ones stay as they are.
        """
        x = images
        presence = self._space.presence_of_parts
        for number, (part, layer) in enumerate(zip(self._space.parts, self.supernet.parts, strict=True)):
            output = _run_part(layer, part, x, probabilities, training)
            if presence.least[number] > 0:
                depths = probabilities[presence.depth_genes[number], presence.least[number] :]
                gate = tf.reduce_sum(depths)
                output = gate * output + (1 - gate) * x
            x = output
        return x


def _run_part(layer: Any, part: Part, x: tf.Tensor, probabilities: tf.Tensor, training: bool) -> tf.Tensor:
    if part.options.size == 1:
        return layer(x, training=training, update_statistics=False)
    return RELAXED_PARTS[part.largest.type_name](layer, part, x, probabilities, training)


def _run_mbconv(layer: ElasticMBConv, part: Part, x: tf.Tensor, probabilities: tf.Tensor, training: bool) -> tf.Tensor:
    """Expand, depthwise, squeeze-and-excite, project, at full width, with weights that are masked by probabilities."""
    statistics = {"training": training, "update_statistics": False}
    channels = _mask(part, "expand_ratios", "middle_channels", probabilities)
    kernel = layer.depthwise_conv.kernel * _kernel_mask(part, probabilities)

    y = layer.expand_bn(layer.expand_conv(x), **statistics)
    y = depthwise_conv2d(y, kernel, layer.strides)
    y = layer.depthwise_bn(y, **statistics)
    if layer.squeeze_channels:
        squeezed = _mask(part, "expand_ratios", "squeeze_channels", probabilities)
        y *= _excitation(layer.squeeze_excite, y, channels, squeezed)
    y = layer.project_bn(_pointwise(y, layer.project_conv.kernel, channels), **statistics)
    if layer.has_residual:
        return x + y
    return y


RELAXED_PARTS.register(MBConv.type_name, _run_mbconv)


def _excitation(layer: ElasticSqueezeExcite, y: tf.Tensor, channels: tf.Tensor, squeezed: tf.Tensor) -> tf.Tensor:
    """What squeeze-and-excite multiplies its input by, `(batch, 1, 1, channels)`."""
    hard_sigmoid = get_activation("hard_sigmoid")
    scale = _pointwise(global_average_pool(y), layer.reduce_conv.kernel, channels)
    scale = tf.nn.relu(scale + layer.reduce_conv.bias)
    scale = _pointwise(scale, layer.expand_conv.kernel, squeezed)
    return hard_sigmoid(scale + layer.expand_conv.bias)


def _pointwise(x: tf.Tensor, kernel: Any, input_mask: tf.Tensor) -> tf.Tensor:
    """A 1x1 convolution whose weights for each input channel are multiplied by a mask, `(in_channels,)`."""
    return tf.nn.conv2d(x, kernel * input_mask[:, tf.newaxis], strides=1, padding="SAME")


def _kernel_mask(part: Part, probabilities: tf.Tensor) -> tf.Tensor:
    """How probable it is that a kernel reaches each of its places, `(size, size, 1, 1)`."""
    sizes = _values(part, "kernel_sizes", "kernel_size")
    rings = _rings(int(sizes.max()))
    is_reached = rings[:, :, np.newaxis] <= sizes // 2  # (size, size, choices)
    probability_of_size = _of_axis(part, "kernel_sizes", probabilities)
    mask = tf.tensordot(tf.constant(is_reached, tf.float32), probability_of_size, axes=1)
    return mask[:, :, tf.newaxis, tf.newaxis]


def _rings(size: int) -> np.ndarray:
    """In which ring around the centre each place of a kernel lies: 0 in the centre; int `(size, size)`."""
    distances = np.abs(np.arange(size) - size // 2)
    rows = distances[:, np.newaxis]
    columns = distances[np.newaxis, :]
    return np.maximum(rows, columns)


def _mask(part: Part, axis_name: str, field: str, probabilities: tf.Tensor) -> tf.Tensor:
    """How probable it is that there is each of the channels that a field counts, `(most channels,)`."""
    widths = _values(part, axis_name, field)
    is_there = np.arange(widths.max())[:, np.newaxis] < widths  # (channels, choices)
    return tf.tensordot(tf.constant(is_there, tf.float32), _of_axis(part, axis_name, probabilities), axes=1)


def _values(part: Part, axis_name: str, field: str) -> np.ndarray:
    """A field by the choices of an axis; one value where nothing is chosen."""
    if axis_name not in part.axis_names:
        return np.array([getattr(part.largest, field)])
    return part.values_along(axis_name, field)


def _of_axis(part: Part, axis_name: str, probabilities: tf.Tensor) -> tf.Tensor:
    """The probabilities of the choices of an axis; one where nothing is chosen."""
    if axis_name not in part.axis_names:
        return tf.ones(1)
    axis = part.axis_names.index(axis_name)
    return probabilities[part.genes[axis], : part.options.shape[axis]]
