"""`PartTables`: a number for each part of a search space, looked up by genes."""

from collections.abc import Callable

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.space.blocks.part_type import PlainPart
from ofa_tf.space.search_space import SearchSpace

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
        self._space = space
        self._dtype = dtype
        self._tables: list[np.ndarray] = []
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
            self._tables.append(table)

    def combine(self, genes: np.ndarray, join: np.ufunc, start: float = 0) -> np.ndarray:
        """Combine the numbers of the parts of each network; parts that are skipped count 0.

        Args:
            genes: int, shape `(n, num_genes)`.
            join: How, such as `np.add` or `np.maximum`.
            start: What the parts' numbers are joined to, one after the other.

        Returns:
            Array of shape `(n,)`.
        """
        is_active = self._space.active_parts(genes)
        image_size_rows = genes[:, self._space.image_size_gene]
        total: np.ndarray = np.full(len(genes), start, self._dtype)
        for number, (part, table) in enumerate(zip(self._space.parts, self._tables, strict=True)):
            index = (image_size_rows, *(genes[:, gene] for gene in part.genes))
            total = join(total, table[index] * is_active[:, number])
        return total
