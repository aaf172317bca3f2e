"""`MeasuredOnce`: measurements of searches, kept in a file, so that no subnet is measured twice."""

from collections.abc import Callable
from pathlib import Path

from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_table import AccuracyTableFile, Origin
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace


class MeasuredOnce:
    """Measures subnets, and remembers what they got right, over programs, too.

    A search that was interrupted and is made again finds what it measured, and so does one for another device or
    another limit. What was measured of an earlier supernet is forgotten.

    Args:
        space: Search space.
        origin: What decides the measurements.
        path: The file, in the form of an accuracy table.
        measure: Measures a subnet.

    Raises:
        InputError: If the file is damaged.
    """

    def __init__(
        self,
        space: SearchSpace,
        origin: Origin,
        path: Path,
        measure: Callable[[Arch], AccuracyCount],
    ) -> None:
        self._space = space
        self._measure = measure
        self._file = AccuracyTableFile(path, space, origin)
        self._by_genes: dict[tuple[int, ...], AccuracyCount] = {}
        known = self._file.known
        if known is not None:
            for row, genes in enumerate(known.genes.tolist()):
                self._by_genes[tuple(genes)] = known.measurement(row)

    def __call__(self, arch: Arch) -> AccuracyCount:
        """What a subnet gets right: as it was measured before, or is now."""
        canonical = self._space.canonical(arch)
        genes = tuple(self._space.encode(canonical).tolist())
        if genes not in self._by_genes:
            measurement = self._measure(canonical)
            self._file.append(canonical, measurement)
            self._by_genes[genes] = measurement
        return self._by_genes[genes]
