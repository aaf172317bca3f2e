"""What the rewrites of an exported network gain on this machine, in float32 and int8.

Example:
    python tools/bench_export.py --space=mobilenet_v3_w1.0 --image_size=224
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line
from ofa_tf.base.errors import InputError
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space

_SPACE = flags.DEFINE_string("space", "mobilenet_v3_w1.0", "Search space.")
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 224, "Input height and width, pixels.", lower_bound=1)
_ARCHS = flags.DEFINE_list("archs", ["k7e6d4", "k5e4d3"], "Kernel size, expand ratio and depth of the subnets.")
_NUM_THREADS = flags.DEFINE_integer("num_threads", 1, "Threads of the interpreter.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 20, "Turns over all models.", lower_bound=1)


def main(argv: Sequence[str]) -> None:
    del argv
    archs = {name: _parse(name) for name in _ARCHS.value}
    configure_tensorflow()
    from ofa_tf.base.progress import on_progress, progress_bar
    from ofa_tf.devices.device import BenchmarkSettings, get_device
    from ofa_tf.workflow.lowering_benchmark import ALL, REFERENCE, RELU6, measure_lowerings

    settings = BenchmarkSettings(num_threads=_NUM_THREADS.value, rounds=_ROUNDS.value, min_time_s=1.0)
    print(f"{_SPACE.value} at {_IMAGE_SIZE.value} px, {_NUM_THREADS.value} thread(s), medians of one run")
    for name, arch in archs.items():
        with progress_bar(1, f"converting {name}", "model") as bar:
            results = measure_lowerings(arch, get_device("host"), settings, on_progress(bar))
        latencies = {(result.precision, result.way): result.latency_ms for result in results}
        print(f"\n{name:8s} {'way':34s} {'latency_ms':>10s} {'speed-up':>8s} {'partitions':>10s} {'convert_s':>9s}")
        for result in results:
            gain = latencies[result.precision, REFERENCE] / result.latency_ms
            print(
                f"{result.precision:8s} {result.way:34s} {result.latency_ms:10.2f} {gain:7.2f}x "
                f"{result.num_partitions:10d} {result.convert_seconds:9.1f}",
                flush=True,
            )
        print(f"int8 / int8 with ReLU6 in place of hard-swish: {latencies['int8', ALL] / latencies['int8', RELU6]:.2f}")


def _parse(name: str) -> Arch:
    space = get_search_space(_SPACE.value)
    arch = space.largest(_IMAGE_SIZE.value)
    try:
        kernel, expand, depth = (int(digit) for digit in (name[1], name[3], name[5]))
        arch = dataclasses.replace(
            arch,
            kernel_sizes=(kernel,) * len(arch.kernel_sizes),
            expand_ratios=(expand,) * len(arch.expand_ratios),
            depths=(depth,) * len(arch.depths),
        )
    except (IndexError, ValueError) as error:
        raise InputError(f"Expected --archs to be like k5e4d3. Received: --archs={name}.") from error
    space.validate(arch)
    return arch


if __name__ == "__main__":
    command_line.run(main)
