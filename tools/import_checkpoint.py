"""Imports published PyTorch weights of a once-for-all network as a supernet that every other tool takes.

Example:
    python tools/import_checkpoint.py --space=mobilenet_v3_w1.2 --checkpoint=FILE --workdir=runs/published

The data set is not read here; the other tools calibrate, evaluate and search with it. Unless it is a folder with
validation images of its own, they are drawn from the training images, which the published network has been trained
with: accuracies on them are too high, and serve to compare subnets. Half of them are searched on and the other half
reported. Measuring a subnet takes time in proportion to them: twice as many, twice as long.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line, files
from ofa_tf.base.errors import InputError
from ofa_tf.base.plugin_flags import define_plugins_flag, load_plugins_from_flags
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.data.dataset_checks import check_dataset
from ofa_tf.data.held_out import HoldOut
from ofa_tf.networks.file_names import SUPERNET_FILE
from ofa_tf.pretrained.state_dict import read_state_dict
from ofa_tf.space.presets import get_search_space
from ofa_tf.training.config import TrainConfig

define_plugins_flag()
_IMAGENET = "imagenet2012"
_NUM_VALIDATION_OF_IMAGENET = 10_000

_SPACE = flags.DEFINE_string("space", None, "Search space of the weights.", required=True)
_CHECKPOINT = flags.DEFINE_string("checkpoint", None, "File of PyTorch, or .npz of the same names.", required=True)
_WORKDIR = flags.DEFINE_string("workdir", None, "New folder for the supernet.", required=True)
_DATASET = flags.DEFINE_string("dataset", _IMAGENET, "Data set of the weights' classes, for the other tools.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where tensorflow-datasets keeps prepared data sets.")

_NUM_VALIDATION_IMAGES = flags.DEFINE_integer(
    "num_validation_images",
    None,
    f"Training images that serve for validation; by default {_NUM_VALIDATION_OF_IMAGENET} of {_IMAGENET}, and a fifth "
    "of other data sets.",
    lower_bound=1,
)


def main(argv: Sequence[str]) -> None:
    del argv
    plugins = load_plugins_from_flags()
    space = get_search_space(_SPACE.value)
    workdir = Path(_WORKDIR.value)
    if workdir.exists() and (not workdir.is_dir() or any(workdir.iterdir())):
        raise InputError(
            f"Expected a new --workdir. Received: {workdir}, which exists and is not empty. "
            "Use another, or delete that one first."
        )
    config = TrainConfig(
        str(workdir),
        phases={},
        space=space.name,
        dataset=_DATASET.value,
        data_dir=_DATA_DIR.value,
        num_validation_images=_num_validation_images(),
        augmentation="imagenet",
        num_calibration_images=2000,
        plugins=plugins,
    )
    hold_out = HoldOut(config.validation_fraction, config.num_validation_images)
    check_dataset(config.dataset, config.data_dir, hold_out, is_needed_now=False)
    tensors = read_state_dict(_CHECKPOINT.value)
    configure_tensorflow()
    from ofa_tf.networks.saving import save_supernet
    from ofa_tf.pretrained.importers import import_supernet

    supernet = import_supernet(space, tensors)
    with files.atomic_path(workdir.resolve()) as folder:  # both files or none
        save_supernet(supernet, folder)
        config.save(folder)
    print(
        f"{len(tensors)} tensors of {_CHECKPOINT.value} are now {workdir / SUPERNET_FILE}, "
        f"with {supernet.num_classes} classes"
    )
    images = "a fifth"
    if config.num_validation_images:
        images = f"{config.num_validation_images:,}"
    print(
        f"validation images: {images} of the training images, which the network has been trained with, unless "
        f"{config.dataset} is a folder that has its own"
    )
    command = shell_command("tools/evaluate.py", f"--workdir={workdir}", "--arch=max")
    print(f"Next: {command}")


def _num_validation_images() -> int:
    """What the flag says, or else is usual for the data set."""
    if _NUM_VALIDATION_IMAGES.value is not None:
        return _NUM_VALIDATION_IMAGES.value
    if _DATASET.value == _IMAGENET:
        return _NUM_VALIDATION_OF_IMAGENET
    return 0


if __name__ == "__main__":
    command_line.run(main)
