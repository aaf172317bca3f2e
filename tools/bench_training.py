"""Training throughput on this machine: forward, backward and update.

Examples:
    python tools/bench_training.py --num_threads=2
    python tools/bench_training.py --shapes=256x224 --mixed_precision=bfloat16 --ways=random --num_subnets=4 --teacher
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
from ofa_tf.base.compute_precision import COMPUTE_PRECISIONS, get_compute_precision
from ofa_tf.base.errors import InputError
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.space.presets import get_search_space

# Loaded when needed: it loads TensorFlow, which flag errors need not wait for.
if TYPE_CHECKING:
    from ofa_tf.training.throughput import Throughput

# What --ways calls each of `ofa_tf.training.throughput.WAYS`, in that order.
_WAY_FLAGS = ("random", "largest", "plain", "eager")

_SPACE = flags.DEFINE_string("space", "mobilenet_v3_w1.0", "Search space.")
_SHAPES = flags.DEFINE_list("shapes", ["16x224", "64x32"], "Batch size x image size, of each measurement.")
_NUM_THREADS = flags.DEFINE_integer(
    "num_threads", 2, "Threads that share one operation; 1 is faster with small images.", lower_bound=1
)
_ROUNDS = flags.DEFINE_integer("rounds", 8, "Turns over all ways.", lower_bound=1)
_STEPS = flags.DEFINE_integer("steps", 4, "Steps of each way in a turn.", lower_bound=1)
_WAYS = flags.DEFINE_list(
    "ways",
    list(_WAY_FLAGS),
    "What to measure: random archs, the largest arch, the largest subnet as a plain Keras model, and (eager) random "
    "archs without a graph.",
)
_NUM_SUBNETS = flags.DEFINE_integer("num_subnets", 1, "Subnets in a step of the supernet.", lower_bound=1)
_TEACHER = flags.DEFINE_boolean("teacher", False, "Whether the full network predicts in a step of the supernet, too.")
_PRECISION = flags.DEFINE_string("mixed_precision", "none", f"One of {', '.join(COMPUTE_PRECISIONS)}.")

_SHAPE = re.compile(r"0*(?P<batch_size>[1-9]\d*)x0*(?P<image_size>[1-9]\d*)")


def main(argv: Sequence[str]) -> None:
    del argv
    shapes = [_parse(shape) for shape in _SHAPES.value]
    precision = get_compute_precision(_PRECISION.value)
    get_search_space(_SPACE.value)
    _check_ways(_WAYS.value)
    configure_tensorflow(_NUM_THREADS.value, _PRECISION.value)
    import tensorflow as tf

    from ofa_tf.training.throughput import WAYS, TrainingLoad, measure_throughput

    way_names = dict(zip(_WAY_FLAGS, WAYS, strict=True))
    work = f"{_NUM_SUBNETS.value} subnets a step"
    if _TEACHER.value:
        work += " and a teacher"
    print(
        f"{_SPACE.value}, 1,000 classes, {precision.description}, {work}, {_NUM_THREADS.value} threads, "
        f"TensorFlow {tf.__version__}"
    )
    for batch_size, image_size in shapes:
        load = TrainingLoad(
            _SPACE.value,
            batch_size,
            image_size,
            num_subnets=_NUM_SUBNETS.value,
            has_teacher=_TEACHER.value,
            mixed_precision=_PRECISION.value,
        )
        results = measure_throughput(
            load,
            num_rounds=_ROUNDS.value,
            steps_per_round=_STEPS.value,
            ways=[way_names[way] for way in _WAYS.value],
        )
        _print_results(f"batch {batch_size} x {image_size}", list(results))


def _check_ways(ways: Sequence[str]) -> None:
    unknown = sorted(set(ways) - set(_WAY_FLAGS))
    if unknown or not ways:
        raise InputError(f"Expected --ways to be among {', '.join(_WAY_FLAGS)}. Received: --ways={','.join(ways)}.")


def _print_results(shape: str, results: "list[Throughput]") -> None:
    """Print a line for each way to train, beside those that it is compared with."""
    from ofa_tf.training.throughput import REFERENCES

    by_name = {result.name: result.images_per_second for result in results}
    for result in results:
        line = f"{shape}: {result.name:32s} {result.images_per_second:7.1f} images/s"
        for name in REFERENCES:
            if name in by_name and name != result.name:
                line += f", {result.images_per_second / by_name[name]:4.2f}x {name}"
        line += f"; first step {result.first_step_seconds:.0f} s"
        if result.peak_memory_bytes:
            line += f"; peak memory of the GPU {result.peak_memory_bytes / 2**30:.1f} GiB"
        print(line, flush=True)


def _parse(shape: str) -> tuple[int, int]:
    """Batch size and image size of a shape such as `16x224`."""
    match = _SHAPE.fullmatch(shape)
    if match is None:
        raise InputError(f"Expected --shapes to be like 16x224 (images x pixels). Received: --shapes={shape}.")
    return int(match["batch_size"]), int(match["image_size"])


if __name__ == "__main__":
    command_line.run(main)
