"""The accuracy table of a supernet: subnets measured one by one, kept as they come."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from ofa_tf.base.counts import count_in_words
from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import check_no_writer_of_file, find_writer, locked_file
from ofa_tf.base.progress import progress_bar, tell
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
    archs = _archs_to_measure(space, num_archs, seed, shard)
    lock: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if is_writer:
        lock = locked_file(path, _ADVICE)
    with lock:
        content = read_content(path, space)
        origin = Origin(SEARCH_SHARE, identify_network(), shard)
        file = AccuracyTableFile(path, space, origin, content)
        num_known = _count_known(archs, file.known, space)
        if num_known:
            tell(f"{num_known} of {count_in_words(len(archs), 'subnet')} already there")
        with progress_bar(len(archs), "accuracy table", "subnet", initial=num_known) as bar:

            def on_arch(arch: Arch, measurement: AccuracyCount, is_new: bool) -> None:
                if not is_new:
                    return
                if is_writer:
                    file.append(arch, measurement)
                bar.set_postfix(top1=f"{measurement.top1:.1%}", refresh=False)
                bar.update()

            return build_accuracy_table(space, archs, measure, origin=origin, known=file.known, on_arch=on_arch)


def find_accuracies(
    space: SearchSpace,
    network: str,
    path: Path,
    *,
    num_archs: int,
    seed: int = 0,
    shard: Shard | None = None,
) -> AccuracyTable | None:
    """What `measure_accuracies` would return without measuring anything. Needs no TensorFlow.

    Args:
        space: Search space.
        network: What identifies the supernet.
        path: See `measure_accuracies`.
        num_archs: See `measure_accuracies`.
        seed: See `measure_accuracies`.
        shard: See `measure_accuracies`.

    Returns:
        The table, as it is in the file; `None` if subnets are left to measure.

    Raises:
        InputError: If `num_archs` is below 1, or there is a damaged table or one of another sample.
    """
    archs = _archs_to_measure(space, num_archs, seed, shard)
    known = AccuracyTableFile(path, space, Origin(SEARCH_SHARE, network, shard)).known
    if _count_known(archs, known, space) < len(archs):
        return None
    return known


def check_measured_alone(workdir: Path, path: Path) -> None:
    """Check that no other program trains a supernet, or measures the same table of it.

    Args:
        workdir: The folder of the supernet.
        path: The table's file; need not be there.

    Raises:
        InputError: If one does.
    """
    trainer = find_writer(workdir)
    if trainer is not None:
        raise InputError(
            f"Expected the supernet in {workdir} to be trained before many subnets of it are measured. "
            f"Received: it is being trained by {trainer}. Wait for its end."
        )
    check_no_writer_of_file(path, _ADVICE)


def _archs_to_measure(space: SearchSpace, num_archs: int, seed: int, shard: Shard | None) -> list[Arch]:
    """A sample, or what of it is a shard's.

    Raises:
        InputError: If `num_archs` is below 1, or there are too few subnets for so many shards.
    """
    sample = sample_archs(space, num_archs, seed)
    if shard is None:
        return sample
    archs = shard.select(sample)
    if not archs:
        raise InputError(
            f"Expected as many subnets as shards, at least. Received: {len(sample)} subnets for {shard.count} shards. "
            "Measure more, or in fewer shards."
        )
    return archs


def _count_known(archs: Sequence[Arch], known: AccuracyTable | None, space: SearchSpace) -> int:
    """How many of archs, which are different networks, a table has."""
    if known is None:
        return 0
    measured = set(map(tuple, space.canonical_genes(known.genes).tolist()))
    wanted = map(tuple, space.canonical_genes(space.encode(archs)).tolist())
    return len(measured.intersection(wanted))
