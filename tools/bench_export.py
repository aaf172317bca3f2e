"""What the rewrites of an exported network gain on this machine, in float32 and int8.

Example:
    python tools/bench_export.py --space=mobilenet_v3_w1.0 --image_size=224
"""

import dataclasses
import re
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
_TIME_LIMIT_S = 3600.0  # that the models of a subnet may take: whole kernels in int8 take half a second a run
_ROUNDS = flags.DEFINE_integer("rounds", 20, "Turns over all models.", lower_bound=1)


def main(argv: Sequence[str]) -> None:
    del argv
    archs = {text: _parse(text) for text in _ARCHS.value}
    configure_tensorflow()
    from ofa_tf.base.progress import on_progress, progress_bar
    from ofa_tf.devices.device import BenchmarkSettings
    from ofa_tf.devices.opening import open_device
    from ofa_tf.workflow.lowering_benchmark import format_measurements, measure_lowerings

    settings = BenchmarkSettings(
        num_threads=_NUM_THREADS.value,
        num_runs=5,
        rounds=_ROUNDS.value,
        measure_peak_ram=False,
        time_limit_s=_TIME_LIMIT_S,
    )
    print(f"{_SPACE.value} at {_IMAGE_SIZE.value} px, {_NUM_THREADS.value} thread(s), medians of one run")
    for text, arch in archs.items():
        converting = progress_bar(None, f"converting {text}", "model")
        measuring = progress_bar(None, f"measuring {text}", "step")
        with converting as conversions, measuring as steps:
            measurements = measure_lowerings(
                arch,
                open_device("host"),
                settings,
                on_progress(conversions),
                on_progress(steps),
            )
        print(f"\n{format_measurements(text, measurements)}", flush=True)


def _parse(text: str) -> Arch:
    """The arch of a text such as k5e4d3, all of whose blocks and stages are alike."""
    space = get_search_space(_SPACE.value)
    found = re.match(r".(\d).(\d).(\d)", text)
    if found is None:
        raise InputError(f"Expected --archs to be like k5e4d3. Received: --archs={text}.")
    kernel_size, expand_ratio, depth = (int(digit) for digit in found.groups())
    largest = space.largest(_IMAGE_SIZE.value)
    arch = dataclasses.replace(
        largest,
        kernel_sizes=(kernel_size,) * len(largest.kernel_sizes),
        expand_ratios=(expand_ratio,) * len(largest.expand_ratios),
        depths=(depth,) * len(largest.depths),
    )
    space.validate(arch)
    return arch


if __name__ == "__main__":
    command_line.run(main)
