"""The accuracy table of a supernet: subnets measured one by one, kept as they come."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from ofa_tf.base.folder_lock import locked_file
from ofa_tf.base.progress import progress_bar
from ofa_tf.data.shares import SEARCH_SHARE
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_header import Origin
from ofa_tf.search.accuracy_sampling import build_accuracy_table, sample_archs
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.accuracy_table_file import AccuracyTableFile, read_content
from ofa_tf.search.shards import Shard
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace

_ADVICE = "Wait for its end or stop it; for several programs to measure a table together, there is --shard=i/n."


def measure_accuracies(
    space: SearchSpace,
    measure: Callable[[Arch], AccuracyCount],
    identify_network: Callable[[], str],
    path: Path,
    *,
    num_archs: int,
    seed: int = 0,
    shard: Shard | None = None,
    is_writer: bool = True,
) -> AccuracyTable:
    """Measure a sample of subnets; continues a table begun before.

    Args:
        space: Search space.
        measure: Counts what a subnet gets right of the validation images to search on.
        identify_network: Gives what identifies the supernet. Called after the checks
            that need no supernet, as loading one takes long.
        path: The table's file, to which each measurement is appended.
        num_archs: Number of subnets.
        seed: Decides which.
        shard: Which of these to measure; all by default.
        is_writer: Whether to write the table's file: of several workers, one does.

    Returns:
        The table, as it was written.

    Raises:
        InputError: If `num_archs` is below 1, there is a damaged table or one of another sample, or another program
            measures the same table.
    """
    archs = sample_archs(space, num_archs, seed)
    if shard is not None:
        archs = shard.select(archs)
    lock: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if is_writer:
        lock = locked_file(path, _ADVICE)
    with lock:
        content = read_content(path, space)
        origin = Origin(SEARCH_SHARE, identify_network(), shard)
        file = AccuracyTableFile(path, space, origin, content)
        with progress_bar(len(archs), "accuracy table", "subnet") as bar:

            def on_arch(arch: Arch, measurement: AccuracyCount, is_new: bool) -> None:
                if is_new and is_writer:
                    file.append(arch, measurement)
                bar.set_postfix(top1=f"{measurement.top1:.1%}", refresh=False)
                bar.update()

            return build_accuracy_table(space, archs, measure, origin=origin, known=file.known, on_arch=on_arch)
