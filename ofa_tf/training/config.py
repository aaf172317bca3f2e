"""`TrainConfig`: everything that decides what a training run does."""

import dataclasses
from pathlib import Path

from ofa_tf.base import files
from ofa_tf.base.compute_precision import get_compute_precision
from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import find_writer
from ofa_tf.base.plugins import absolute_plugin, load_plugins
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.data.augmentations import get_augmentation
from ofa_tf.data.dataset_names import absolute_dataset
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.training.distillation import CROSS_ENTROPY, DISTILLATION_LOSSES
from ofa_tf.training.finetuning import Finetuning
from ofa_tf.training.phases import ALL_PHASES, FINETUNE, METHODS, PROGRESSIVE_SHRINKING, SANDWICH, Phase, Teacher
from ofa_tf.training.rules import (
    AT_LEAST_ONE,
    AT_LEAST_ZERO,
    BELOW_ONE,
    BETWEEN_ZERO_AND_ONE,
    INT32_SEED,
    POSITIVE,
    Rule,
    check_settings,
)

CONFIG_FILE = "train_config.json"

# Settings that came later, with what runs did before.
_VALUES_OF_EARLIER_RUNS = {
    "include_smallest": False,
    "plugins": [],
    "method": PROGRESSIVE_SHRINKING,
    "micro_batch_size": 0,
    "start_as_identity": False,
    "mixed_precision": "none",
    "finetuning": None,
    "distillation_loss": CROSS_ENTROPY,
    "num_validation_images": 0,
}


_PHASE_RULES = {
    "epochs": AT_LEAST_ONE,
    "learning_rate": POSITIVE,
    "num_subnets": AT_LEAST_ONE,
}
_RULES = {
    "batch_size": AT_LEAST_ONE,
    "micro_batch_size": AT_LEAST_ZERO,
    "momentum": BELOW_ONE,
    "weight_decay": AT_LEAST_ZERO,
    "label_smoothing": BELOW_ONE,
    "dropout_rate": BELOW_ONE,
    "distillation_weight": AT_LEAST_ZERO,
    "validation_fraction": BETWEEN_ZERO_AND_ONE,
    "num_validation_images": AT_LEAST_ZERO,
    "num_calibration_images": AT_LEAST_ONE,
    "seed": INT32_SEED,
}


@dataclasses.dataclass(frozen=True)
class PhaseConfig:
    """Settings of one phase.

    Args:
        epochs: Passes over the training images, warm-up included.
        warmup_epochs: Epochs of linear rise of the learning rate; fractions
            are allowed.
        learning_rate: Peak learning rate, for the whole batch.
        num_subnets: Subnets drawn in each step; their gradients are added up.

    Raises:
        SettingError: If a value is out of range.
    """

    epochs: int
    learning_rate: float
    warmup_epochs: float = 0.0
    num_subnets: int = 1

    def __post_init__(self) -> None:
        check_settings(self, _PHASE_RULES)
        leaves_epochs = Rule(f"from 0 to below {self.epochs}", lambda warmup_epochs: 0 <= warmup_epochs < self.epochs)
        check_settings(self, {"warmup_epochs": leaves_epochs})


# A recipe for a small data set such as the digits, like the defaults below; flags/ has others.
DEFAULT_PHASES = {
    "full": PhaseConfig(epochs=12, learning_rate=0.1, warmup_epochs=1.0),
    "kernel": PhaseConfig(epochs=2, learning_rate=0.04, warmup_epochs=0.5),
    "depth_1": PhaseConfig(epochs=1, learning_rate=0.03, warmup_epochs=0.5, num_subnets=2),
    "depth_2": PhaseConfig(epochs=1, learning_rate=0.03, warmup_epochs=0.5, num_subnets=2),
    "width_1": PhaseConfig(epochs=1, learning_rate=0.04, warmup_epochs=0.5, num_subnets=2),
    "width_2": PhaseConfig(epochs=9, learning_rate=0.04, warmup_epochs=0.5, num_subnets=3),
    "sandwich": PhaseConfig(epochs=26, learning_rate=0.04, warmup_epochs=1.0, num_subnets=3),
    "naive": PhaseConfig(epochs=26, learning_rate=0.1, warmup_epochs=1.0),
}
_MIN_SANDWICH_SUBNETS = 2  # the largest and the smallest


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """A training run. Flags make one (`ofa_tf.training.config_flags`), and so can a notebook.

    Args:
        workdir: Folder for everything the run makes.
        phases: Phase name (`full`, `kernel`, `depth_1`, ...) -> its settings;
            those of a recipe for small data sets by default.
        method: Name of one of `METHODS`: `progressive_shrinking`, or `sandwich` or
            `naive` (one phase of its own each).
        space: Name of the search space.
        dataset: `digits`, the name of a TFDS data set, or `folder:PATH`.
        data_dir: Where TFDS keeps prepared data sets; its default if `None`.
        download: Whether TFDS may download and prepare the data set.
        validation_fraction: Share of the training images held out for
            validation and search, where the data set has no validation images.
        num_validation_images: Training images held out, instead of a share; 0: `validation_fraction`.
        augmentation: A name in `ofa_tf.data.augmentations.AUGMENTATIONS`.
        batch_size: Images in a step, over all devices.
        micro_batch_size: Images that go through the network at a time, on each device, where those
            of a step do not fit into memory; 0: all. Exact, but for batch normalization, see
            `TrainStep`.
        mixed_precision: What convolutions and activations are computed in: a name in
            `ofa_tf.base.compute_precision.COMPUTE_PRECISIONS`. Weights, batch normalization's statistics,
            softmax and the optimizer's state are float32 in all.
        momentum: Of SGD with Nesterov momentum.
        weight_decay: L2 penalty, not on batch normalization and biases.
        label_smoothing: Share of the label spread over all classes.
        dropout_rate: Dropout before the classifier.
        distillation_weight: Weight of the loss against the teacher's
            predictions, beside that against the labels.
        distillation_loss: Name of one of `DISTILLATION_LOSSES`, by which predictions are
            compared with the teacher's.
        include_smallest: Whether, in steps of several subnets, the first one is the
            smallest that the phase samples: half of the sandwich rule (Yu and
            Huang, "Universally Slimmable Networks and Improved Training
            Techniques", ICCV 2019). Small subnets then need fewer steps; the
            paper of Once-for-All does without.
        start_as_identity: Whether blocks with a residual connection hand their input on
            unchanged at first, so that a deep network learns as quickly as a shallow one;
            the paper of Once-for-All does without.
        num_calibration_images: Training images for BN calibration.
        seed: Decides every random choice.
        plugins: Python files or modules that register what the run needs beside the
            package, such as its search space; see `ofa_tf.base.plugins`.
        finetuning: The subnet of another run that this one trains alone; `None`: it
            trains the supernet.

    Raises:
        InputError: If a value is out of range, or a phase or a plugin is unknown.

    Reference: Once-for-All, section 4.1 and appendix B.
    """

    workdir: str
    phases: dict[str, PhaseConfig] = dataclasses.field(default_factory=lambda: dict(DEFAULT_PHASES))
    method: str = PROGRESSIVE_SHRINKING
    space: str = "mobilenet_v3_tiny"
    dataset: str = "digits"
    data_dir: str | None = None
    download: bool = False
    validation_fraction: float = 0.2
    num_validation_images: int = 0
    augmentation: str = "crop"
    batch_size: int = 32
    micro_batch_size: int = 0
    mixed_precision: str = "none"
    momentum: float = 0.9
    weight_decay: float = 3e-5
    label_smoothing: float = 0.1
    dropout_rate: float = 0.1
    distillation_weight: float = 1.0
    distillation_loss: str = CROSS_ENTROPY
    include_smallest: bool = True
    start_as_identity: bool = True
    num_calibration_images: int = 256
    seed: int = 0
    plugins: tuple[str, ...] = ()
    finetuning: Finetuning | None = None

    def __post_init__(self) -> None:
        load_plugins(self.plugins)
        # Tools that open the run later may be started in another folder.
        plugins = [absolute_plugin(plugin) for plugin in self.plugins]
        # Those that a fine-tuning takes over from its run may be given again.
        object.__setattr__(self, "plugins", tuple(dict.fromkeys(plugins)))
        object.__setattr__(self, "dataset", absolute_dataset(self.dataset))
        space = get_search_space(self.space)
        if self.finetuning is not None:
            space.validate(self.finetuning.arch)
        get_augmentation(self.augmentation)
        get_compute_precision(self.mixed_precision)
        if self.distillation_loss not in DISTILLATION_LOSSES:
            raise InputError(
                f"Expected `distillation_loss` to be one of {list(DISTILLATION_LOSSES)}. "
                f"Received: distillation_loss={self.distillation_loss!r}. Choose one of them."
            )
        if not self.workdir:
            raise InputError("Expected `workdir` to be a folder. Received: nothing. Pass --workdir=DIR.")
        names = [phase.name for phase in ALL_PHASES]
        unknown = sorted(set(self.phases) - set(names))
        if unknown:
            raise InputError(f"Expected `phases` to be among {names}. Received: {unknown}.")
        if self.method not in METHODS:
            raise InputError(
                f"Expected `method` to be one of {list(METHODS)}. Received: method={self.method!r}. Choose one."
            )
        self._check_sandwich()
        check_settings(self, _RULES)

    def _check_sandwich(self) -> None:
        """Check that a step of the sandwich method has the largest and the smallest subnet."""
        if SANDWICH not in METHODS[self.method] or SANDWICH.name not in self.phases:
            return
        num_subnets = self.phases[SANDWICH.name].num_subnets
        if num_subnets < _MIN_SANDWICH_SUBNETS:
            raise InputError(
                f"Expected --{SANDWICH.name}_num_subnets to be at least {_MIN_SANDWICH_SUBNETS}: the largest and the "
                f"smallest. Received: --{SANDWICH.name}_num_subnets={num_subnets}."
            )

    @property
    def search_space(self) -> SearchSpace:
        """The space of the network that is trained: that of `space`, or of one subnet of it."""
        space = get_search_space(self.space)
        if self.finetuning is None:
            return space
        return space.of_one(self.finetuning.arch)

    @property
    def run_phases(self) -> tuple[Phase, ...]:
        """The phases that a whole run consists of, in order."""
        if self.finetuning is None:
            return METHODS[self.method]
        return (FINETUNE,)

    @property
    def num_epochs(self) -> int:
        """Epochs of all phases of the run."""
        return sum(self.phases[phase.name].epochs for phase in self.run_phases)

    def teacher_of(self, phase: Phase) -> Teacher:
        """Whose predictions the subnets of a phase learn from; nobody's, if those have no weight."""
        if not self.distillation_weight:
            return Teacher.NOBODY
        return phase.teacher

    def save(self, folder: str | Path | None = None) -> None:
        """Write the configuration into the workdir (or a folder that will become it), for the tools that come after."""
        path = Path(folder or self.workdir) / CONFIG_FILE
        files.write_json(path, "train_config", dataclasses.asdict(self))

    @classmethod
    def load(cls, workdir: str | Path) -> "TrainConfig":
        """Read what `save` wrote; `workdir` may have moved since.

        Raises:
            InputError: If there is no such file, it is not a configuration or a plugin
            of the run is gone.
        """
        if Path(workdir).is_file():
            raise InputError(f"Expected the folder of a training run. Received: {workdir}, a file. Name a folder.")
        path = Path(workdir) / CONFIG_FILE
        advice = "" if path.exists() else _how_to_make(workdir)
        document = files.read_json(path, "train_config", advice)
        document = {**_VALUES_OF_EARLIER_RUNS, **document}
        names = [field.name for field in dataclasses.fields(cls)]
        missing = sorted(set(names) - set(document))
        if missing:
            raise InputError(
                f"Expected {workdir}/{CONFIG_FILE} to have the entries {missing}. Received: none. It is damaged "
                "or from another version of ofa_tf: put it back from a copy, or train in another --workdir."
            )
        fields = {name: document[name] for name in names}
        fields["workdir"] = str(workdir)
        _load_plugins_of(workdir, fields["plugins"])
        try:
            phases = {}
            for name, values in fields["phases"].items():
                phases[name] = PhaseConfig(**values)
            fields["phases"] = phases
            if fields["finetuning"] is not None:
                fields["finetuning"] = Finetuning.from_dict(fields["finetuning"])
            return cls(**fields)
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError(
                f"Expected {workdir}/{CONFIG_FILE} to be as it was written. Received: {error}. Undo the change, or "
                "train in another --workdir."
            ) from error


def _load_plugins_of(workdir: str | Path, plugins: list[str]) -> None:
    try:
        load_plugins(plugins)
    except InputError as error:
        raise InputError(
            f"{error} It is one of the `plugins` in {workdir}/{CONFIG_FILE}: put it back, or correct its path there."
        ) from error


def _how_to_make(workdir: str | Path) -> str:
    writer = find_writer(workdir)
    if writer is not None:
        return f"It is being trained by {writer}: wait until the first phase is finished."
    command = shell_command("train_main.py", "--phase=all", f"--workdir={workdir}")
    return f"Train first: {command}; or import published weights: tools/import_checkpoint.py"
