"""Imports published PyTorch weights of a once-for-all network as a supernet that every other tool takes.

Example:
    python tools/import_checkpoint.py --space=mobilenet_v3_w1.2 --checkpoint=FILE --workdir=runs/published

The data set is not read here; the other tools calibrate, evaluate and search with it.
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
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.networks.file_names import SUPERNET_FILE
from ofa_tf.pretrained.state_dict import read_state_dict
from ofa_tf.space.presets import get_search_space
from ofa_tf.training.config import TrainConfig

define_plugins_flag()
_SPACE = flags.DEFINE_string("space", None, "Search space of the weights.", required=True)
_CHECKPOINT = flags.DEFINE_string("checkpoint", None, "File of PyTorch, or .npz of the same names.", required=True)
_WORKDIR = flags.DEFINE_string("workdir", None, "New folder for the supernet.", required=True)
_DATASET = flags.DEFINE_string("dataset", "imagenet2012", "Data set of the weights' classes, for the other tools.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where tensorflow-datasets keeps prepared data sets.")


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
        augmentation="imagenet",
        num_calibration_images=2000,
        plugins=plugins,
    )
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
    print(f"Next: python tools/evaluate.py --workdir={workdir} --arch=max")


if __name__ == "__main__":
    command_line.run(main)
