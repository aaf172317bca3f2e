"""How many JPEGs a core prepares for training; they are generated, so nothing is downloaded.

Example:
    python tools/bench_input.py --image_size=224
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.data.augmentations import get_augmentation

_HEIGHT = flags.DEFINE_integer("height", 375, "Height of the JPEGs, pixels.", lower_bound=1)
_WIDTH = flags.DEFINE_integer("width", 500, "Width of the JPEGs, pixels.", lower_bound=1)
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 224, "Size of the images of a batch, pixels.", lower_bound=1)
_AUGMENTATION = flags.DEFINE_string("augmentation", "imagenet", "What is random about a training image.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Images in a batch.", lower_bound=1)
_BATCHES = flags.DEFINE_integer("batches", 16, "Batches of each way in a turn.", lower_bound=2)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Turns over all ways.", lower_bound=1)


def main(argv: Sequence[str]) -> None:
    del argv
    get_augmentation(_AUGMENTATION.value)
    configure_tensorflow()
    from ofa_tf.data.input_throughput import InputTask, measure_input_throughput, write_photos

    task = InputTask(
        height=_HEIGHT.value,
        width=_WIDTH.value,
        image_size=_IMAGE_SIZE.value,
        batch_size=_BATCH_SIZE.value,
        num_batches=_BATCHES.value,
        augmentation=_AUGMENTATION.value,
    )
    print(f"JPEGs of {task.width} x {task.height}, {task.augmentation}, {task.image_size} pixels")
    with tempfile.TemporaryDirectory() as folder:
        write_photos(Path(folder), task)
        results = list(measure_input_throughput(Path(folder), task, _ROUNDS.value))
    decoding_alone = results[0].images_per_core_second
    for result in results:
        share = result.images_per_core_second / decoding_alone
        print(f"{result.name:32s} {result.images_per_core_second:7.0f} images/s a core, {share:4.2f} of decoding alone")


if __name__ == "__main__":
    command_line.run(main)
