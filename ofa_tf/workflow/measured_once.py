"""`MeasuredOnce`: measurements of searches, kept in a file, so that no subnet is measured twice."""

from collections.abc import Callable, Collection
from pathlib import Path

from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import waited_for_file
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_header import Origin
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.accuracy_table_file import AccuracyTableFile
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace

# What to do about a file of measurements that cannot be read.
MEASURE_ANEW = "Delete the file; a search measures anew."


class MeasuredOnce:
    """Measures subnets, and remembers what they got right, over programs, too.

    A search that was interrupted and is made again finds what it measured, and so does one for another device or
    another limit, also one that runs at the same time: before a subnet is measured, the file is looked at again. (Two
    that measure the same subnet at the same moment both do, and the first one's measurement is kept.) What was
    measured of another supernet does not count, and needs a file of its own: programs that measure two in one file
    would replace it in turn.

    Args:
        space: Search space.
        origin: What decides the measurements.
        path: The file, in the form of an accuracy table.
        measure: Measures a subnet.
        possible_num_images: How many images it may measure on, in each half; `None`: any number.

    Raises:
        InputError: If the file is damaged, or of other images.
    """

    def __init__(
        self,
        space: SearchSpace,
        origin: Origin,
        path: Path,
        measure: Callable[[Arch], AccuracyCount],
        possible_num_images: Collection[tuple[int, int]] | None = None,
    ) -> None:
        self._space = space
        self._path = path
        self._measure = measure
        self._possible_num_images = possible_num_images
        self._file = AccuracyTableFile(path, space, origin, advice=MEASURE_ANEW)
        self._by_genes: dict[tuple[int, ...], AccuracyCount] = {}
        self._remember(self._file.known)

    def __call__(self, arch: Arch) -> AccuracyCount:
        """What a subnet gets right: as it was measured before, or is now.

        Raises:
            InputError: If it is measured on another number of images than others before, or the file is damaged
                or was written on other images.
        """
        canonical = self._space.canonical(arch)
        genes = tuple(self._space.encode(canonical).tolist())
        if genes not in self._by_genes:
            self._remember(self._file.read_new())
        if genes not in self._by_genes:
            self._keep(canonical, genes, self._measure(canonical))
        return self._by_genes[genes]

    def _keep(self, arch: Arch, genes: tuple[int, ...], measurement: AccuracyCount) -> None:
        """Write a measurement, unless another program has written one of the same subnet meanwhile."""
        with waited_for_file(self._path):
            self._remember(self._file.read_new())
            if genes not in self._by_genes:
                self._file.append(arch, measurement)
                self._by_genes[genes] = measurement

    def _remember(self, table: AccuracyTable | None) -> None:
        if table is None:
            return
        _check_images(table, self._path, self._possible_num_images)
        canonical = self._space.canonical_genes(table.genes)
        for row, genes in enumerate(canonical.tolist()):
            self._by_genes.setdefault(tuple(genes), table.measurement(row))


def check_measurements(
    space: SearchSpace,
    origin: Origin,
    path: Path,
    possible_num_images: Collection[tuple[int, int]] | None = None,
) -> None:
    """Check what a `MeasuredOnce` would find in its file, before what measures is there.

    Args:
        space: See `MeasuredOnce`.
        origin: See `MeasuredOnce`.
        path: See `MeasuredOnce`.
        possible_num_images: See `MeasuredOnce`.

    Raises:
        InputError: See `MeasuredOnce`.
    """
    known = AccuracyTableFile(path, space, origin, advice=MEASURE_ANEW).known
    if known is not None:
        _check_images(known, path, possible_num_images)


def _check_images(
    table: AccuracyTable,
    path: Path,
    possible: Collection[tuple[int, int]] | None,
) -> None:
    """Check that what was measured before was measured on as many images as the accuracy table now is."""
    if possible is None or table.num_images in possible:
        return
    totals = sorted({sum(num_images) for num_images in possible})
    raise InputError(
        f"Expected the measurements in {path} to be on {' or '.join(map(str, totals))} images, by the number in the "
        f"accuracy table. Received: {sum(table.num_images)} images. The data set has changed since; delete the file to "
        "measure anew."
    )
