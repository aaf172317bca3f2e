"""The command-line flags of a training run, and the configuration they make."""

from absl import flags

from ofa_tf.training.config import PhaseConfig, TrainConfig
from ofa_tf.training.phases import PHASE_NAMES

# Epochs, learning rate, warm-up epochs and subnets a step; a recipe for a small data set such as
# the digits. flags/ has the recipes for others.
_PHASE_DEFAULTS = {
    "full": (15, 0.1, 1.0, 1),
    "kernel": (4, 0.04, 0.5, 1),
    "depth_1": (3, 0.03, 0.5, 2),
    "depth_2": (4, 0.03, 0.5, 2),
    "width_1": (3, 0.03, 0.5, 4),
    "width_2": (5, 0.03, 0.5, 4),
}


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
    """Define the flags of `TrainConfig` among `values`. Call once, before they are parsed."""
    flags.DEFINE_string("workdir", "runs/default", "Folder for everything the run makes.", flag_values=values)
    flags.DEFINE_string("space", "mobilenet_v3_tiny", "Name of the search space.", flag_values=values)
    flags.DEFINE_string(
        "dataset", "digits", "digits, a name of tensorflow-datasets, or folder:PATH.", flag_values=values
    )
    flags.DEFINE_string("data_dir", None, "Where tensorflow-datasets keeps prepared data sets.", flag_values=values)
    flags.DEFINE_boolean(
        "download", False, "Let tensorflow-datasets download and prepare the data set.", flag_values=values
    )
    flags.DEFINE_float(
        "validation_fraction",
        0.2,
        "Share of the training images held out for validation and search.",
        flag_values=values,
    )
    flags.DEFINE_string("augmentation", "crop", "none, crop or imagenet.", flag_values=values)
    flags.DEFINE_integer("batch_size", 32, "Images in a step.", flag_values=values)
    flags.DEFINE_float("momentum", 0.9, "Nesterov momentum.", flag_values=values)
    flags.DEFINE_float("weight_decay", 3e-5, "L2 penalty, not on batch normalization and biases.", flag_values=values)
    flags.DEFINE_float("label_smoothing", 0.1, "Share of the label spread over all classes.", flag_values=values)
    flags.DEFINE_float("dropout_rate", 0.1, "Dropout before the classifier.", flag_values=values)
    flags.DEFINE_float(
        "distillation_weight", 1.0, "Weight of the loss against the full network's predictions.", flag_values=values
    )
    flags.DEFINE_integer("num_calibration_images", 384, "Training images for BN calibration.", flag_values=values)
    flags.DEFINE_integer("seed", 0, "Decides every random choice.", flag_values=values)
    for name, (epochs, learning_rate, warmup_epochs, num_subnets) in _PHASE_DEFAULTS.items():
        flags.DEFINE_integer(f"{name}_epochs", epochs, f"Epochs of phase {name}, warm-up included.", flag_values=values)
        flags.DEFINE_float(
            f"{name}_learning_rate", learning_rate, f"Peak learning rate of phase {name}.", flag_values=values
        )
        flags.DEFINE_float(
            f"{name}_warmup_epochs", warmup_epochs, f"Epochs in which phase {name}'s rate rises.", flag_values=values
        )
        flags.DEFINE_integer(
            f"{name}_num_subnets", num_subnets, f"Subnets in a step of phase {name}.", flag_values=values
        )


def config_from_flags(values: flags.FlagValues = flags.FLAGS) -> TrainConfig:
    """The configuration that the parsed flags stand for.

    Raises:
        InputError: If a value is out of range.
    """
    phases = {
        name: PhaseConfig(
            epochs=values[f"{name}_epochs"].value,
            learning_rate=values[f"{name}_learning_rate"].value,
            warmup_epochs=values[f"{name}_warmup_epochs"].value,
            num_subnets=values[f"{name}_num_subnets"].value,
        )
        for name in PHASE_NAMES
    }
    names = [
        *("workdir", "space", "dataset", "data_dir", "download", "validation_fraction", "augmentation", "batch_size"),
        *("momentum", "weight_decay", "label_smoothing", "dropout_rate", "distillation_weight"),
        *("num_calibration_images", "seed"),
    ]
    return TrainConfig(phases=phases, **{name: values[name].value for name in names})
