"""The accuracy table of a supernet: subnets measured one by one, kept as they come."""

import time
from collections.abc import Callable
from pathlib import Path

from ofa_tf.base.progress import progress_bar
from ofa_tf.search.accuracy_table import AccuracyTable, build_accuracy_table, sample_archs
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace

SEARCH_SPLIT = "validation"  # what tables and searches measure on; the test images are for what is shipped

_SECONDS_BETWEEN_WRITES = 15.0


def measure_accuracies(
    space: SearchSpace,
    measure: Callable[[Arch], float],
    identify_network: Callable[[], str],
    path: Path,
    *,
    num_archs: int,
    seed: int = 0,
    is_writer: bool = True,
) -> AccuracyTable:
    """Measure a sample of subnets; continues a table begun before.

    Args:
        space: Search space.
        measure: Gives the top-1 accuracy of a subnet on the validation images, in
            [0, 1].
        identify_network: Gives what identifies the supernet. Called after the checks
            that need no supernet, as loading one takes long.
        path: The table's file; written every few seconds and at the end.
        num_archs: Number of subnets.
        seed: Decides which.
        is_writer: Whether to write the table's file: of several workers, one does.

    Returns:
        The table, as it was written.

    Raises:
        InputError: If `num_archs` is below 1 or there is a damaged table.
    """
    archs = sample_archs(space, num_archs, seed)
    known = None
    if path.exists():
        known = AccuracyTable.load(path, space)
    network = identify_network()
    last_write = time.monotonic()
    with progress_bar(len(archs), "accuracy table", "subnet") as bar:

        def on_measured(table: AccuracyTable) -> None:
            nonlocal last_write
            bar.set_postfix(top1=f"{table.top1[-1]:.1%}", refresh=False)
            bar.update()
            if is_writer and time.monotonic() - last_write > _SECONDS_BETWEEN_WRITES:
                table.save(path)
                last_write = time.monotonic()

        table = build_accuracy_table(
            space,
            archs,
            measure,
            split=SEARCH_SPLIT,
            network=network,
            known=known,
            on_measured=on_measured,
        )
    if is_writer:
        table.save(path)
    return table
