"""The size of an elastic file, which holds the models of several archs, and what is equal in them once.

In int8, weights of two archs are equal where a part has the same widths in both: batch normalization, which each arch
has of its own, is a factor a channel, and the scale of the channel takes it up. Depthwise kernels must have the same
size besides. Biases are never shared, see `ofa_tf.tflite.litert.merged_model`.
"""

import collections
import math
from collections.abc import Hashable, Sequence

from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.footprint.file_size import MODEL_BYTES, items_of, zero_point_lengths, zero_points_bytes
from ofa_tf.tflite.footprint.footprint import Footprint
from ofa_tf.tflite.quantization.modes import QuantizationMode

# A signature: the table of its graph, its inputs and outputs, and what the file's metadata say of its model.
_SIGNATURE_BYTES = 1000

# Rounding makes some weights differ that would be equal, such as one of 38,000; their kernel is in the file twice.
_UNEQUAL_SHARE = 0.01


def family_bytes(space: SearchSpace, footprint: Footprint, mode: QuantizationMode, archs: Sequence[Arch]) -> int:
    """Size of the elastic file of some archs.

    Args:
        space: Their search space.
        footprint: Of the models by themselves.
        mode: How they are quantized.
        archs: The archs.

    Raises:
        InputError: If an arch is not of the space.
    """
    num_bytes_of: dict[Hashable, int] = {}
    most_in_one: collections.Counter[Hashable] = collections.Counter()
    in_all: collections.Counter[Hashable] = collections.Counter()
    lengths_of_all: set[int] = set()
    total = MODEL_BYTES
    for arch in archs:
        in_this: collections.Counter[Hashable] = collections.Counter()
        lengths: set[int] = set()
        parts = space.plain_parts(arch)
        for name, operators in footprint.operators_by_part(arch).items():
            lengths |= zero_point_lengths(operators, mode)
            for of_part in items_of(operators, mode, parts[name].depthwise_kernel_size):
                named = (name, of_part.what)
                num_bytes_of[named] = of_part.num_bytes
                in_this[named] += 1
        total += int(footprint.size_bytes(arch)) - MODEL_BYTES + _SIGNATURE_BYTES
        total -= zero_points_bytes(lengths)
        lengths_of_all |= lengths
        in_all += in_this
        most_in_one |= in_this
    for item, number in in_all.items():
        total -= (number - most_in_one[item]) * num_bytes_of[item]
    total += zero_points_bytes(lengths_of_all)
    return math.ceil(total * (1 + _UNEQUAL_SHARE))
