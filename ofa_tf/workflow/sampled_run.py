"""`SampledRun`: a trained run with its accuracy table, of a sample of subnets."""

import functools
from pathlib import Path

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.data.shares import SEARCH_SHARE
from ofa_tf.networks.file_names import find_supernet
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.shard_merging import merge_shards
from ofa_tf.search.shards import Shard
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.workflow.accuracy import check_measured_alone, find_accuracies, measure_accuracies
from ofa_tf.workflow.trained_run import TrainedRun, hash_file


class SampledRun(TrainedRun):
    """A trained run, and what a sample of its subnets gets right; for the arguments see `TrainedRun`."""

    def build_accuracy_table(self, num_archs: int = 100, seed: int = 0, shard: Shard | None = None) -> AccuracyTable:
        """Measure a sample of subnets on half of the validation images; continues a table begun before.

        Args:
            num_archs: Number of subnets.
            seed: Decides which.
            shard: Which of these to measure here, in a file of its own; all, in the run's table, by default.

        Returns:
            The table, as it is kept in the run.

        Raises:
            InputError: If `num_archs` is below 1, the table begun before is damaged,
                or the run lacks its supernet or its data set.
        """
        return measure_accuracies(
            self.space,
            lambda arch: self.measure(arch, SEARCH_SHARE),
            lambda: self.network_id,
            self._table_path(shard),
            num_archs=num_archs,
            seed=seed,
            shard=shard,
            is_writer=self.replicas.is_first_worker,
        )

    def find_accuracy_table(
        self, num_archs: int = 100, seed: int = 0, shard: Shard | None = None
    ) -> AccuracyTable | None:
        """What `build_accuracy_table` would return, if it would measure nothing. Loads no TensorFlow.

        Args:
            num_archs: See `build_accuracy_table`.
            seed: See `build_accuracy_table`.
            shard: See `build_accuracy_table`.

        Returns:
            The table, as it is kept in the run; `None` if subnets are left to measure.

        Raises:
            InputError: If `num_archs` is below 1, the table begun before is damaged or of another sample, or there
                is no supernet.
        """
        return find_accuracies(
            self.space,
            hash_file(find_supernet(self.path)),
            self._table_path(shard),
            num_archs=num_archs,
            seed=seed,
            shard=shard,
        )

    def check_measured_alone(self, shard: Shard | None = None) -> None:
        """Check, without loading TensorFlow, that no other program trains the supernet or measures the same table.

        Args:
            shard: See `build_accuracy_table`.

        Raises:
            InputError: If one does.
        """
        check_measured_alone(self.path, self._table_path(shard))

    def _table_path(self, shard: Shard | None) -> Path:
        """Where `build_accuracy_table` keeps what it measures."""
        if shard is None:
            return self.accuracy_table_path
        return self.shard_path(shard)

    def merge_accuracy_table(self) -> AccuracyTable:
        """Make the run's table of all shards that `build_accuracy_table` measured. Loads no TensorFlow.

        Returns:
            The table, the same that one process would have measured.

        Raises:
            InputError: If there is no supernet, or a shard is missing, unfinished or of another network, data set or
                sample.
        """
        self.check_supernet()
        network = hash_file(find_supernet(self.path))
        return merge_shards(self.shard_paths(), self.accuracy_table_path, self.space, network)

    def accuracy_table(self) -> AccuracyTable:
        """The accuracy table. Loads no TensorFlow, and reads a file that has not changed since only once.

        Raises:
            InputError: If there is no supernet, no table of it, or the table is damaged.
        """
        self.check_accuracy_table()
        path = self.accuracy_table_path
        table = _load_accuracy_table(path, self.space, files.version_of(path))
        if table.network != hash_file(find_supernet(self.path)):
            raise InputError(
                f"Expected {self.accuracy_table_path} to be of the supernet in {self.path}. Received: one of "
                f"another supernet. Build it again: {self._command_for_accuracies()}."
            )
        return table

    def check_accuracy_table(self) -> None:
        """Check that the run has not only an accuracy table of an earlier version.

        Raises:
            InputError: If it has.
        """
        if self.earlier_accuracy_table_path.exists() and not self.accuracy_table_path.exists():
            raise InputError(
                f"Expected an accuracy table at {self.accuracy_table_path}. Received: only "
                f"{self.earlier_accuracy_table_path}, in which an earlier version measured on all validation images, "
                "without keeping counts: none would be left to report on. Build it again with: "
                f"{self._command_for_accuracies()}."
            )

    def _command_for_accuracies(self) -> str:
        """What builds the accuracy table."""
        return shell_command("tools/build_accuracy_table.py", f"--workdir={self.path}")


@functools.lru_cache(maxsize=1)  # checks before a search and the search itself ask for the same table
def _load_accuracy_table(path: Path, space: SearchSpace, version: tuple[int, ...]) -> AccuracyTable:
    del version
    return AccuracyTable.load(path, space)
