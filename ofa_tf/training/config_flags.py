"""The command-line flags of a training run, and the configuration they make."""

from absl import flags

from ofa_tf.base.errors import InputError
from ofa_tf.base.plugin_flags import PLUGINS_HELP
from ofa_tf.data.augmentations import AUGMENTATIONS
from ofa_tf.training.config import DEFAULT_PHASES, PhaseConfig, TrainConfig
from ofa_tf.training.phases import METHODS
from ofa_tf.training.rules import SettingError

# The defaults are those of `TrainConfig`, and each flag sets the field of its name.
_DEFAULT_WORKDIR = "runs/default"
_HELP = {
    "workdir": "Folder for everything the run makes.",
    "method": f"How subnets are trained: {' or '.join(METHODS)}.",
    "space": "Name of the search space.",
    "dataset": "digits, a name of tensorflow-datasets, or folder:PATH.",
    "data_dir": "Where tensorflow-datasets keeps prepared data sets.",
    "download": "Let tensorflow-datasets download and prepare the data set.",
    "validation_fraction": "Share of the training images held out for validation and search.",
    "augmentation": f"One of {', '.join(AUGMENTATIONS)}.",
    "batch_size": "Images in a step, over all devices.",
    "micro_batch_size": "Images that go through a device's network at a time, if those of a step do not fit; 0: all.",
    "momentum": "Nesterov momentum.",
    "weight_decay": "L2 penalty, not on batch normalization and biases.",
    "label_smoothing": "Share of the label spread over all classes.",
    "dropout_rate": "Dropout before the classifier.",
    "distillation_weight": "Weight of the loss against the teacher's predictions.",
    "include_smallest": "Let the first of several subnets of a step be the smallest one.",
    "start_as_identity": "Let blocks with a residual connection hand their input on unchanged at first.",
    "num_calibration_images": "Training images for BN calibration.",
    "seed": "Decides every random choice.",
    "plugins": PLUGINS_HELP,
}
_SCALE_HELP = "Times as many epochs, warm-ups included, of all phases."
_THREADS_HELP = "Threads that share one operation; 0: as many as there are cores. 1 is faster with small images."
_PHASE_HELP = {
    "epochs": "Epochs of phase {}, warm-up included.",
    "learning_rate": "Peak learning rate of phase {}.",
    "warmup_epochs": "Epochs in which phase {}'s learning rate rises.",
    "num_subnets": "Subnets in a step of phase {}.",
}


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
    """Define the flags of a training run among `values`. Call once, before they are parsed."""
    defaults = TrainConfig(workdir=_DEFAULT_WORKDIR)
    for name, text in _HELP.items():
        _define(name, getattr(defaults, name), text, values)
    for phase, settings in DEFAULT_PHASES.items():
        for name, text in _PHASE_HELP.items():
            _define(f"{phase}_{name}", getattr(settings, name), text.format(phase), values)
    flags.DEFINE_float("epochs_scale", 1.0, _SCALE_HELP, flag_values=values)
    _define("intra_op_threads", 0, _THREADS_HELP, values)


def config_from_flags(values: flags.FlagValues = flags.FLAGS) -> TrainConfig:
    """The configuration that the parsed flags stand for.

    Raises:
        InputError: If a value is out of range.
    """
    scale = values["epochs_scale"].value
    if not scale > 0:
        raise InputError(f"Expected --epochs_scale to be above 0. Received: --epochs_scale={scale}. 1 changes nothing.")
    phases = {phase: _phase_from_flags(phase, values) for phase in DEFAULT_PHASES}
    settings = {name: values[name].value for name in _HELP}
    settings["plugins"] = tuple(settings["plugins"])
    return TrainConfig(phases=phases, **settings)


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


def _define(name: str, default: object, text: str, values: flags.FlagValues) -> None:
    if isinstance(default, tuple):
        flags.DEFINE_list(name, list(default), text, flag_values=values)
    elif isinstance(default, bool):
        flags.DEFINE_boolean(name, default, text, flag_values=values)
    elif isinstance(default, int):
        flags.DEFINE_integer(name, default, text, flag_values=values)
    elif isinstance(default, float):
        flags.DEFINE_float(name, default, text, flag_values=values)
    else:
        flags.DEFINE_string(name, default, text, flag_values=values)
