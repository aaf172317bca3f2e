"""Remedies: what helps where int8 loses too much accuracy, from some training images.

Each is tried on top of those that helped before it. What they do to a graph and its
ranges is in `quantization/`; this module says in which order, and whether they help.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ofa_tf.tflite.conversion.conversion import Conversion
from ofa_tf.tflite.quantization.bias_correction import measure_bias_shifts
from ofa_tf.tflite.quantization.equalization import equalize
from ofa_tf.tflite.quantization.range_clipping import clip_ranges

Divergence = Callable[[Conversion], float]  # of a conversion's model from the float network
Images = Sequence[np.ndarray]  # batches as the graph takes them, `(n, height, width, channels)`


def apply_remedies(
    conversion: Conversion,
    images: Images,
    divergence: Divergence,
) -> Conversion:
    """Try each remedy on top of those that helped.

    Args:
        conversion: With integer activations.
        images: Representative ones, as the graph takes them.
        divergence: Judges a conversion, lower is better. It should use training
            images, so that the test images stay a test.
    """
    least = divergence(conversion)
    for name, remedy in _REMEDIES.items():
        remedied = remedy(conversion, images)
        remedied = dataclasses.replace(remedied, remedies=(*conversion.remedies, name))
        found = divergence(remedied)
        if found < least:
            conversion, least = remedied, found
    return conversion


def _equalize_channels(conversion: Conversion, images: Images) -> Conversion:
    equalized = equalize(conversion.graph, images)
    return conversion.with_graph(equalized, images)


def _correct_biases(conversion: Conversion, images: Images) -> Conversion:
    shifts = measure_bias_shifts(conversion.graph, images)
    return dataclasses.replace(conversion, bias_shifts=shifts)


def _clip_ranges(conversion: Conversion, images: Images) -> Conversion:
    clipped = clip_ranges(conversion.graph, conversion.ranges, images)
    return conversion.with_ranges(clipped)


# In the order in which they are tried, by what sidecars call them.
_REMEDIES: dict[str, Callable[[Conversion, Images], Conversion]] = {
    "channels equalized": _equalize_channels,
    "biases corrected": _correct_biases,
    "ranges clipped": _clip_ranges,
}
