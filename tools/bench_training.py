"""Training throughput on this machine: forward, backward and update, float32.

Example:
    python tools/bench_training.py --num_threads=2
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line
from ofa_tf.base.errors import InputError
from ofa_tf.base.tensorflow_setup import configure_tensorflow

# Loaded when needed: it loads TensorFlow, which flag errors need not wait for.
if TYPE_CHECKING:
    from ofa_tf.training.throughput import Throughput

_SPACE = flags.DEFINE_string("space", "mobilenet_v3_w1.0", "Search space.")
_SHAPES = flags.DEFINE_list("shapes", ["16x224", "64x32"], "Batch sizes and image sizes.")
_NUM_THREADS = flags.DEFINE_integer("num_threads", 2, "Threads within an operator.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 8, "Turns over all ways.", lower_bound=1)
_STEPS = flags.DEFINE_integer("steps", 4, "Steps of each way in a turn.", lower_bound=1)
_EAGER = flags.DEFINE_boolean("eager", True, "Whether to measure eager execution too.")

_SHAPE = re.compile(r"0*(?P<batch_size>[1-9]\d*)x0*(?P<image_size>[1-9]\d*)")


def main(argv: Sequence[str]) -> None:
    del argv
    shapes = [_parse(shape) for shape in _SHAPES.value]
    configure_tensorflow(_NUM_THREADS.value)
    import tensorflow as tf

    from ofa_tf.training.throughput import measure_throughput

    print(f"{_SPACE.value}, 1,000 classes, float32, {_NUM_THREADS.value} threads, TensorFlow {tf.__version__}")
    for batch_size, image_size in shapes:
        results = measure_throughput(
            _SPACE.value,
            batch_size=batch_size,
            image_size=image_size,
            num_rounds=_ROUNDS.value,
            steps_per_round=_STEPS.value,
            with_eager=_EAGER.value,
        )
        _print_results(f"batch {batch_size} x {image_size}", list(results))


def _print_results(shape: str, results: "list[Throughput]") -> None:
    """Print a line for each way to train, beside those that it is compared with."""
    from ofa_tf.training.throughput import REFERENCES

    by_name = {result.name: result.images_per_second for result in results}
    for result in results:
        to_subnet, to_largest = (result.images_per_second / by_name[name] for name in REFERENCES)
        print(
            f"{shape}: {result.name:32s} {result.images_per_second:7.1f} images/s, "
            f"{to_subnet:4.2f}x the largest subnet alone, {to_largest:4.2f}x the largest arch; "
            f"first step {result.first_step_seconds:.0f} s",
            flush=True,
        )


def _parse(shape: str) -> tuple[int, int]:
    """Batch size and image size of a shape such as `16x224`."""
    match = _SHAPE.fullmatch(shape)
    if match is None:
        raise InputError(f"Expected --shapes to be like 16x224 (images x pixels). Received: --shapes={shape}.")
    return int(match["batch_size"]), int(match["image_size"])


if __name__ == "__main__":
    command_line.run(main)
