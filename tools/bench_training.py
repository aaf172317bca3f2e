"""Training throughput on this machine: forward, backward and update, float32.

Example:
    python tools/bench_training.py --num_threads=2
"""

from collections.abc import Sequence

from absl import flags

from ofa_tf.base import command_line
from ofa_tf.base.errors import InputError
from ofa_tf.base.tensorflow_setup import configure_tensorflow

_SPACE = flags.DEFINE_string("space", "mobilenet_v3_w1.0", "Search space.")
_SHAPES = flags.DEFINE_list("shapes", ["16x224", "64x32"], "Batch sizes and image sizes.")
_NUM_THREADS = flags.DEFINE_integer("num_threads", 2, "Threads within an operator.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 8, "Turns over all ways.", lower_bound=1)
_STEPS = flags.DEFINE_integer("steps", 4, "Steps of each way in a turn.", lower_bound=1)
_EAGER = flags.DEFINE_boolean("eager", True, "Whether to measure eager execution too.")


def main(argv: Sequence[str]) -> None:
    del argv
    shapes = [_parse(shape) for shape in _SHAPES.value]
    configure_tensorflow(_NUM_THREADS.value)
    import tensorflow as tf

    from ofa_tf.training.throughput import REFERENCES, measure_throughput

    print(f"{_SPACE.value}, 1,000 classes, float32, {_NUM_THREADS.value} threads, TensorFlow {tf.__version__}")
    for batch_size, image_size in shapes:
        results = list(
            measure_throughput(_SPACE.value, batch_size, image_size, _ROUNDS.value, _STEPS.value, _EAGER.value)
        )
        by_name = {result.name: result.images_per_second for result in results}
        for result in results:
            ratios = [result.images_per_second / by_name[name] for name in REFERENCES]
            print(
                f"batch {batch_size} x {image_size}: {result.name:32s} {result.images_per_second:7.1f} images/s, "
                f"{ratios[0]:4.2f}x the largest subnet alone, {ratios[1]:4.2f}x the largest arch; "
                f"first step {result.first_step_seconds:.0f} s",
                flush=True,
            )


def _parse(shape: str) -> tuple[int, int]:
    numbers = shape.split("x")
    if len(numbers) != 2 or not all(number.isdigit() and int(number) > 0 for number in numbers):
        raise InputError(f"Expected --shapes to be like 16x224 (images x pixels). Received: --shapes={shape}.")
    return int(numbers[0]), int(numbers[1])


if __name__ == "__main__":
    command_line.run(main)
