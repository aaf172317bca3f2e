"""`ZeroPoints`: the bytes that the zero points of a network's weights take.

Weights are quantized symmetrically, each channel with a scale of its own and the zero point 0. So all that a vector of
zero points says is its length, and a file has each length once, whichever tensors it belongs to: how many bytes that is
depends on the whole network, and is no sum over its parts.
"""

from collections.abc import Callable

import numpy as np

from ofa_tf.space.blocks.part_type import PlainPart
from ofa_tf.space.part_tables import PartTables
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.footprint.file_size import zero_points_bytes

_BITS_A_WORD = 62  # of an int64 that is never negative


class ZeroPoints:
    """Bytes of the vectors of zero points, looked up by genes.

    Args:
        space: The search space.
        lengths_of_part: The lengths that there are in a part, for a height and width of its input, on
            which they do not depend.
    """

    def __init__(self, space: SearchSpace, lengths_of_part: Callable[[PlainPart, int], frozenset[int]]) -> None:
        self._lengths = _all_lengths(space, lengths_of_part)
        self._words: list[PartTables] = []
        for first in range(0, len(self._lengths), _BITS_A_WORD):
            lengths = self._lengths[first : first + _BITS_A_WORD]

            def mark(part: PlainPart, input_size: int, lengths: list[int] = lengths) -> int:
                """A bit for each of the lengths that are in a part."""
                in_part = lengths_of_part(part, input_size)
                return sum(1 << place for place, length in enumerate(lengths) if length in in_part)

            self._words.append(PartTables(space, mark))

    def num_bytes(self, genes: np.ndarray) -> np.ndarray:
        """Bytes of the networks with these genes.

        Args:
            genes: int, shape `(n, num_genes)`.

        Returns:
            int64, shape `(n,)`.
        """
        totals = np.zeros(len(genes), np.int64)
        for number, word in enumerate(self._words):
            marks = word.combine(genes, np.bitwise_or)
            first = number * _BITS_A_WORD
            for place, length in enumerate(self._lengths[first : first + _BITS_A_WORD]):
                is_there = (marks >> place) & 1
                totals += is_there * zero_points_bytes([length])
        return totals


def _all_lengths(space: SearchSpace, lengths_of_part: Callable[[PlainPart, int], frozenset[int]]) -> list[int]:
    """The lengths that there are in any network, ascending."""
    input_sizes = space.input_sizes(space.image_sizes[0])
    lengths: set[int] = set()
    for part in space.parts:
        for option in part.options.flat:
            lengths |= lengths_of_part(option, input_sizes[part.name])
    return sorted(lengths)
