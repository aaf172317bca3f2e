"""The command-line flags of a training run, and the configuration they make."""

from collections.abc import Callable
from typing import Any

from absl import flags

from ofa_tf.base.compute_precision import COMPUTE_PRECISIONS
from ofa_tf.base.errors import InputError
from ofa_tf.base.flag_groups import FlagGroup, define_in_group
from ofa_tf.base.plugin_flags import PLUGINS_HELP
from ofa_tf.data.augmentations import AUGMENTATIONS
from ofa_tf.space.presets import list_search_spaces
from ofa_tf.training.config import DEFAULT_PHASES, PhaseConfig, TrainConfig
from ofa_tf.training.distillation import DISTILLATION_LOSSES
from ofa_tf.training.finetuning import FIXED_SETTINGS
from ofa_tf.training.phases import METHODS
from ofa_tf.training.rules import SettingError

# The defaults are those of `TrainConfig`, and each flag sets the field of its name.
_DEFAULT_WORKDIR = "runs/default"
_HELP_BY_GROUP = {
    FlagGroup.RUN: {
        "workdir": "Folder for everything the run makes.",
        "seed": "Decides every random choice.",
        "plugins": PLUGINS_HELP,
    },
    FlagGroup.NETWORK: {
        "space": f"Search space: {', '.join(list_search_spaces())}, or one of a plugin.",
        "start_as_identity": "Let blocks with a residual connection hand their input on unchanged at first.",
        "dropout_rate": "Dropout before the classifier.",
    },
    FlagGroup.DATA: {
        "dataset": "digits, a name of tensorflow-datasets, or folder:PATH.",
        "data_dir": "Where tensorflow-datasets keeps prepared data sets.",
        "download": "Let tensorflow-datasets download and prepare the data set.",
        "validation_fraction": "Share of the training images held out for validation and search.",
        "num_validation_images": "Training images held out, in place of a share; 0: as --validation_fraction says.",
        "augmentation": f"One of {', '.join(AUGMENTATIONS)}.",
        "num_calibration_images": "Training images for BN calibration.",
    },
    FlagGroup.STEP: {
        "batch_size": "Images in a step, over all devices.",
        "micro_batch_size": (
            "Images that go through a device's network at a time, if those of a step do not fit; 0: all."
        ),
        "momentum": "Nesterov momentum.",
        "weight_decay": "L2 penalty, not on batch normalization and biases.",
        "label_smoothing": "Share of the label spread over all classes.",
        "distillation_weight": "Weight of the loss against the teacher's predictions.",
        "distillation_loss": f"How predictions are compared with the teacher's: {' or '.join(DISTILLATION_LOSSES)}.",
        "include_smallest": "Let the first of several subnets of a step be the smallest one.",
    },
    FlagGroup.PHASES: {
        "method": f"How subnets are trained: {', '.join(METHODS)}.",
    },
    FlagGroup.DEVICES: {
        "mixed_precision": (
            f"Half precision: {', '.join(COMPUTE_PRECISIONS)}; refused where neither GPU nor CPU has it. On a CPU, "
            "small images may be slower in it."
        ),
    },
}
_SCALE_HELP = "Times as many epochs, warm-ups included, of all phases; rounded, but at least one of each."
_THREADS_HELP = (
    "Threads that share one operation; 0: as many as there are cores. 1 is faster with small images. No run remembers "
    "it."
)
_DETERMINISTIC_HELP = "On a GPU: the same weights for the same seed, bit for bit, if somewhat slower."
_PHASE_HELP = {
    "epochs": "Epochs of phase {}, warm-up included.",
    "learning_rate": "Peak learning rate of phase {}.",
    "warmup_epochs": "Epochs in which phase {}'s learning rate rises.",
    "num_subnets": "Subnets in a step of phase {}.",
}
_OTHER_PHASE_HELP = {
    "sandwich_num_subnets": "Subnets in a step of phase sandwich, the largest and the smallest among them.",
}


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
    """Define the flags of a training run among `values`. Call once, before they are parsed."""
    defaults = TrainConfig(workdir=_DEFAULT_WORKDIR)
    for group, texts in _HELP_BY_GROUP.items():
        for name, text in texts.items():
            _define(group, name, getattr(defaults, name), text, values)
    define_in_group(FlagGroup.PHASES, flags.DEFINE_float, "epochs_scale", 1.0, _SCALE_HELP, values=values)
    for phase, settings in DEFAULT_PHASES.items():
        for field, pattern in _PHASE_HELP.items():
            name = f"{phase}_{field}"
            text = _OTHER_PHASE_HELP.get(name, pattern.format(phase))
            _define(FlagGroup.PHASES, name, getattr(settings, field), text, values)
    _define_machine_flags(values)


def config_from_flags(values: flags.FlagValues = flags.FLAGS) -> TrainConfig:
    """The configuration that the parsed flags stand for.

    Raises:
        InputError: If a value is out of range.
    """
    scale = values["epochs_scale"].value
    if not scale > 0:
        raise InputError(f"Expected --epochs_scale to be above 0. Received: --epochs_scale={scale}. 1 changes nothing.")
    phases = {phase: _phase_from_flags(phase, values) for phase in DEFAULT_PHASES}
    settings = {name: values[name].value for name in _settings()}
    settings["plugins"] = tuple(settings["plugins"])
    return TrainConfig(phases=phases, **settings)


def define_changes_flags(values: flags.FlagValues = flags.FLAGS) -> None:
    """Define flags for the settings in which a run may differ from one that it takes its recipe from."""
    defaults = TrainConfig(workdir=_DEFAULT_WORKDIR)
    changeable = _changeable_settings()
    for group, texts in _HELP_BY_GROUP.items():
        for name, text in texts.items():
            if name in changeable:
                default = getattr(defaults, name)
                _define(group, name, default, f"{text} By default as in the run.", values, is_optional=True)
    _define_machine_flags(values)


def changes_from_flags(values: flags.FlagValues = flags.FLAGS) -> dict[str, Any]:
    """The settings that the parsed flags of `define_changes_flags` give, by name."""
    given = {}
    for name in _changeable_settings():
        value = values[name].value
        if value is not None:
            given[name] = value
    return given


def _define_machine_flags(values: flags.FlagValues) -> None:
    """Define flags for how this machine computes, which no run remembers."""
    _define(FlagGroup.DEVICES, "intra_op_threads", 0, _THREADS_HELP, values)
    _define(FlagGroup.DEVICES, "deterministic", False, _DETERMINISTIC_HELP, values)


def _settings() -> list[str]:
    """The fields of a configuration that have a flag of their own, whichever the phase."""
    names: list[str] = []
    for texts in _HELP_BY_GROUP.values():
        names += texts
    return names


def _changeable_settings() -> list[str]:
    """Those that a fine-tuning may have otherwise than its run; plugins, which it may have besides, are apart."""
    return [name for name in _settings() if name not in FIXED_SETTINGS and name != "plugins"]


def _phase_from_flags(phase: str, values: flags.FlagValues) -> PhaseConfig:
    settings = {name: values[f"{phase}_{name}"].value for name in _PHASE_HELP}
    scale = values["epochs_scale"].value
    settings["epochs"] = _scale_epochs(settings["epochs"], scale)
    settings["warmup_epochs"] *= scale
    try:
        return PhaseConfig(**settings)
    except SettingError as error:
        raise error.described(f"--{phase}_{error.name}") from error


def _scale_epochs(num_epochs: int, scale: float) -> int:
    """Whole epochs; not fewer than one, unless fewer were asked for."""
    return max(round(scale * num_epochs), min(num_epochs, 1))


def _define(
    group: FlagGroup,
    name: str,
    default: Any,
    text: str,
    values: flags.FlagValues,
    is_optional: bool = False,
) -> None:
    """Define a flag of the type of a default; `is_optional`: without it as its default."""
    define = _definer(default)
    if is_optional:
        default = None
    define_in_group(group, define, name, default, text, values=values)


def _definer(default: object) -> Callable[..., object]:
    """What defines flags of the type of a default."""
    if isinstance(default, tuple):
        return flags.DEFINE_list
    if isinstance(default, bool):  # which is an int, too
        return flags.DEFINE_boolean
    if isinstance(default, int):
        return flags.DEFINE_integer
    if isinstance(default, float):
        return flags.DEFINE_float
    return flags.DEFINE_string
