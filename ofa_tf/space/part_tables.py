"""`PartTables`: a number for each part of a search space, looked up by genes."""

from collections.abc import Callable

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.space.blocks.part_type import PlainPart
from ofa_tf.space.search_space import SearchSpace

# Larger populations are looked up in pieces that stay in the cache, too small for BLAS to wake other threads.
_MAX_ROWS_AT_ONCE = 256

PartNumber = Callable[[PlainPart, int], float]  # of a part, and of the height and width of its input


class PartTables:
    """Look-up tables over the parts of a space: MACs, parameters, memory, latency.

    Each part has an array with an axis for the image sizes and one for each gene that
    decides the part; the networks of a whole population are looked up at once.

    Args:
        space: The search space.
        number: The number of a part with its choices made, for an input size.
        dtype: Of the numbers.
        is_covered: Tells for which image sizes there are numbers; all by default. The
            others hold NaN, so `dtype` must be a floating one then.

    Raises:
        InputError: If an image size is not covered and `dtype` is not a floating one.
    """

    def __init__(
        self,
        space: SearchSpace,
        number: PartNumber,
        dtype: type = np.int64,
        is_covered: Callable[[int], bool] | None = None,
    ) -> None:
        tables = []
        covered = [size for size in space.image_sizes if is_covered is None or is_covered(size)]
        input_sizes = {size: space.input_sizes(size) for size in covered}
        is_complete = len(covered) == len(space.image_sizes)
        if not is_complete and not np.issubdtype(dtype, np.floating):
            raise InputError(
                "Expected `dtype` to be a floating type, which has a NaN, where image sizes are not covered. "
                f"Received: dtype={dtype.__name__}, numbers for {covered} of {list(space.image_sizes)} px. "
                "Take np.float64, or cover all."
            )
        missing = 0 if is_complete else np.nan
        for part in space.parts:
            table = np.full((len(space.image_sizes), *part.options.shape), missing, dtype)
            for row, image_size in enumerate(space.image_sizes):
                if image_size not in input_sizes:
                    continue
                input_size = input_sizes[image_size][part.name]
                for index in np.ndindex(part.options.shape):
                    place = (row, *index)
                    table[place] = number(part.options[index], input_size)
            tables.append(table)
        self._set_look_up(space, tables)

    def _set_look_up(self, space: SearchSpace, tables: list[np.ndarray]) -> None:
        """Lay all tables one after the other, so that genes become places in one long array by a matrix product.

        A place is a sum of genes, each times the step of its axis, and of the place where the part's table begins.
        Matrix products of floats are by far the fastest ones, and exact for whole numbers of this size.
        """
        presence = space.presence_of_parts
        self._steps = np.zeros((len(tables), space.num_genes))
        self._starts = np.zeros((len(tables), 1))
        flat_tables = []
        start = 0
        for number, (part, table) in enumerate(zip(space.parts, tables, strict=True)):
            depth_gene = presence.depth_genes[number]
            is_there = np.arange(space.gene_counts[depth_gene]) >= presence.least[number]
            by_depth = table[..., np.newaxis] * is_there
            axis_genes = (space.image_size_gene, *part.genes, depth_gene)
            for gene, num_bytes in zip(axis_genes, by_depth.strides, strict=True):
                self._steps[number, gene] += num_bytes // by_depth.itemsize
            self._starts[number] = start
            flat_tables.append(by_depth.ravel())
            start += by_depth.size
        self._numbers = np.concatenate(flat_tables)

    def combine(self, genes: np.ndarray, join: np.ufunc, start: int | float = 0) -> np.ndarray:
        """Combine the numbers of the parts of each network; parts that are skipped count 0.

        Args:
            genes: int, shape `(n, num_genes)`.
            join: How, such as `np.add`, `np.maximum` or `np.bitwise_or`.
            start: What the parts' numbers are joined to, one after the other.

        Returns:
            Array of shape `(n,)`.
        """
        totals = np.empty(len(genes), self._numbers.dtype)
        for first in range(0, len(genes), _MAX_ROWS_AT_ONCE):
            rows = slice(first, first + _MAX_ROWS_AT_ONCE)
            totals[rows] = self._combine(genes[rows], join, start)
        return totals

    def _combine(self, genes: np.ndarray, join: np.ufunc, start: float) -> np.ndarray:
        places = self._steps @ genes.T + self._starts
        numbers = self._numbers[places.astype(np.intp)]

        # Joined one after the other, which a reduction would not do: the sum of a network must not depend, not even in
        # its last bit, on how many others are looked up with it.
        numbers[0] = join(start, numbers[0])
        return join.accumulate(numbers, axis=0)[-1]
