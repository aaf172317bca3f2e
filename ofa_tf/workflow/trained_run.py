"""`TrainedRun`: what a training left, loaded when first needed, and what its subnets get right."""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import find_writer
from ofa_tf.base.progress import announce, tell
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.networks.file_names import SUPERNET_FILE, check_archive, find_supernet, read_config
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.phases import Phase
from ofa_tf.training.start_checks import unfinished_phases
from ofa_tf.workflow.run_folder import RunFolder

# Modules that load TensorFlow are imported where they are needed: mistakes that have nothing to do with it, and looks
# at archs and tables, need not wait for it.
if TYPE_CHECKING:
    from ofa_tf.base.replicas import Replicas
    from ofa_tf.data.image_source import ImageSource
    from ofa_tf.networks.supernet import Supernet
    from ofa_tf.training.evaluation import Evaluator


class TrainedRun(RunFolder):
    """What a finished training run left, loaded when first needed.

    Args:
        path: The run's `--workdir`.
        evaluator: One of the run's supernet, if the training has just ended in
            this process: loading and tracing are saved. One that computes in half
            precision is not used: a run is measured in float32, see `load_supernet`.

    Raises:
        InputError: (on access) If something is missing or damaged; the message
            says which command makes it.
    """

    def __init__(self, path: str | Path, evaluator: "Evaluator | None" = None) -> None:
        super().__init__(path)
        self._has_checked_phases = False
        if evaluator is not None and evaluator.supernet.compute_dtype == "float32":
            self.evaluator = evaluator
            self.supernet = evaluator.supernet
            self.source = evaluator.source

    def compute_on(self, replicas: "Replicas") -> None:
        """Let replicas share the work of measuring and of fine-tuning. Call before the supernet is loaded.

        With several workers, all must ask for the same measurements in the same order; the first one writes files.
        Searches are for one worker.
        """
        self.replicas = replicas

    @functools.cached_property
    def replicas(self) -> "Replicas":
        """What computes together; one device by default."""
        from ofa_tf.base.replicas import Replicas

        return Replicas()

    def check_one_worker(self) -> None:
        """Check, without loading TensorFlow, that no other workers share the work.

        Raises:
            InputError: If some do.
        """
        if "replicas" not in vars(self) or self.replicas.num_workers == 1:
            return
        raise InputError(
            f"Expected one worker in a search. Received: {self.replicas.num_workers} workers. Let them measure the "
            "accuracy table (tools/build_accuracy_table.py --distribution=multiworker), and search in one process."
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    # --- what the training left ------------------------------------------

    def check(self) -> None:
        """Check, without loading TensorFlow, that there is a training run.

        Raises:
            InputError: If there is none, or its configuration is damaged.
        """
        TrainConfig.load(self.path)

    def check_supernet(self) -> None:
        """Check, without loading TensorFlow, that a phase of the training is finished; warn once if others are not.

        Raises:
            InputError: If there is no supernet, or a damaged one; the message says how to get one.
        """
        check_archive(find_supernet(self.path))
        if self._has_checked_phases:
            return
        self._has_checked_phases = True
        phases = unfinished_phases(self.config)
        if phases:
            tell(f"warning: {_describe_unfinished(self.path, phases)}")

    def load(self) -> "Evaluator":
        """Load the supernet and the data set now, rather than when they are first needed.

        That checks that both are there and whole, and of as many classes.

        Returns:
            What measures subnets.

        Raises:
            InputError: If one is missing or damaged, or they do not fit each other.
        """
        return self.evaluator

    def load_supernet(self) -> "Supernet":
        """Load the supernet now, rather than when it is first needed.

        Raises:
            InputError: See `supernet`.
        """
        return self.supernet

    @functools.cached_property
    def config(self) -> TrainConfig:
        """The run's configuration."""
        return TrainConfig.load(self.path)

    @property
    def space(self) -> SearchSpace:
        """The run's search space."""
        return self.config.search_space

    @functools.cached_property
    def num_classes(self) -> int:
        """Number of classes of the supernet. Loads no TensorFlow where the file says it.

        Raises:
            InputError: See `supernet`.
        """
        config = read_config(find_supernet(self.path))
        if "num_classes" in config:
            return int(config["num_classes"])
        return self.supernet.num_classes

    @functools.cached_property
    def supernet(self) -> "Supernet":
        """The supernet of the last finished phase.

        Raises:
            InputError: If there is none, or it is of another search space than the run.
        """
        from ofa_tf.networks.saving import load_supernet

        announce(f"loading the supernet in {self.path}")
        with self.replicas.scope():
            supernet = load_supernet(self.path)
        if supernet.space != self.space:
            raise InputError(
                f"Expected the supernet in {self.path} to be of the search space {self.space.name!r} as it is now. "
                f"Received: one of {supernet.space.name!r} as it was. Undo the change to the space, or train or import "
                "again in another --workdir."
            )
        return supernet

    @functools.cached_property
    def source(self) -> "ImageSource":
        """The data set the supernet was trained on.

        Raises:
            InputError: If it is not there, or has another number of classes.
        """
        from ofa_tf.data.sources import open_source

        config = self.config
        source = open_source(
            config.dataset,
            config.data_dir,
            validation_fraction=config.validation_fraction,
            num_validation_images=config.num_validation_images,
        )
        if source.num_classes != self.supernet.num_classes:
            remedy = "Import the weights again, into another --workdir, with the right --dataset."
            if config.phases:
                remedy = "It changed after the training; train again in another --workdir."
            raise InputError(
                f"Expected the data set {source.name!r} to have the supernet's {self.supernet.num_classes} classes. "
                f"Received: {source.num_classes}. {remedy}"
            )
        return source

    @functools.cached_property
    def evaluator(self) -> "Evaluator":
        """Measures subnets on the run's data set; see `ofa_tf.training.evaluation.Evaluator`."""
        from ofa_tf.training.evaluation import Evaluator

        config = self.config
        return Evaluator(
            self.supernet,
            self.source,
            augmentation=config.augmentation,
            num_calibration_images=config.num_calibration_images,
            seed=config.seed,
            replicas=self.replicas,
        )

    @property
    def has_evaluator(self) -> bool:
        """Whether what measures subnets is there already, maybe with its images and its graphs."""
        return "evaluator" in vars(self)

    @functools.cached_property
    def network_id(self) -> str:
        """SHA-256 of the supernet's file: measurements of another network are not mixed with this one's."""
        self.load_supernet()  # raises if the file is missing or damaged
        return hash_file(self.path / SUPERNET_FILE)

    # --- accuracies ------------------------------------------------------

    def evaluate(self, arch: Arch, split: str = "test") -> float:
        """Top-1 accuracy of a subnet in [0, 1], after BN calibration for it.

        Args:
            arch: The subnet; its `image_size` is used.
            split: See `measure`.

        Raises:
            InputError: See `measure`.
        """
        return self.measure(arch, split).top1

    def measure(self, arch: Arch, split: str = "validation") -> AccuracyCount:
        """Count the images that a subnet gets right, after BN calibration for it.

        Args:
            arch: The subnet; its `image_size` is used.
            split: `"train"`, `"validation"`, `"test"`, or one of the shares of the validation images:
                `"search"`, on which tables and searches choose, and `"report"`, on which they do not.

        Raises:
            InputError: If `arch` is not of the run's space, there is no such split, or it has too few
                images to be shared.
        """
        self.space.validate(arch)  # before the supernet is loaded, which takes long
        return self.evaluator.measure(arch, split)


def _describe_unfinished(workdir: Path, phases: Sequence[Phase]) -> str:
    """What to know, and to do, about a supernet that some phases have yet to train."""
    names = ", ".join(phase.name for phase in phases)
    what = f"the training in {workdir} is not finished ({names}): subnets that it has yet to train are bad."
    trainer = find_writer(workdir)
    if trainer is not None:
        return f"{what} It is being trained by {trainer}."
    command = shell_command("train_main.py", "--phase=all", "--resume", f"--workdir={workdir}")
    return f"{what} Go on with: {command} (and the same other flags)."


def hash_file(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha256(content).hexdigest()
