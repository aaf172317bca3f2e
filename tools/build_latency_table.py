"""Measures the pieces of a search space on a device, for the latency model.

Example:
    python tools/build_latency_table.py --workdir=runs/quickstart --device=host

A table that was measured in the same way is replaced; a call that was interrupted goes on with the pieces that it has.
Each --target has a table; other threads and, on a phone, another program, delegate, GPU precision or other cores need a
table of their own (--output), which tools/search.py takes with --latency_table.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line
from ofa_tf.base.numbers_in_words import correlation_in_words
from ofa_tf.base.plugin_flags import define_plugins_flag, load_plugins_from_flags
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.devices import device_flags
from ofa_tf.tflite.lowering.targets import CPU, target_help
from ofa_tf.tflite.quantization.precisions import PRECISIONS
from ofa_tf.workflow.latency_settings import LatencyTableSettings
from ofa_tf.workflow.run import open_run

define_plugins_flag()
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the training run.", required=True)
_DEVICE = flags.DEFINE_string("device", "host", device_flags.DEVICE_HELP)
_TARGET = flags.DEFINE_string("target", CPU.name, target_help())
_PRECISION = flags.DEFINE_string("precision", "float32", f"Precision of the models: {', '.join(PRECISIONS)}.")
_NUM_THREADS = flags.DEFINE_integer("num_threads", 1, "Threads of the interpreter.")
_NUM_NETWORKS = flags.DEFINE_integer("num_networks", 8, "Whole networks measured to calibrate the latency model.")
_NUM_HELD_OUT = flags.DEFINE_integer("num_held_out", 50, "Random whole networks measured to check it.")
_TIME_LIMIT = flags.DEFINE_float(
    "time_limit_s", 1800.0, "Limit for measuring each hundred pieces, and again for the networks, seconds."
)
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "JSON file for the table; by default in the folder of the run, named for device, target and precision.",
)


def main(argv: Sequence[str]) -> None:
    del argv
    load_plugins_from_flags()
    run = open_run(_WORKDIR.value)
    settings = LatencyTableSettings(
        precision=_PRECISION.value,
        num_threads=_NUM_THREADS.value,
        num_networks=_NUM_NETWORKS.value,
        num_held_out=_NUM_HELD_OUT.value,
        time_limit_s=_TIME_LIMIT.value,
        target=_TARGET.value,
    )
    device = device_flags.device_from_flags(_DEVICE.value, settings.form.target)
    path = run.check_latency_table_path(device, settings, _OUTPUT.value or None)
    device.describe()  # so that a phone that is not there is told at once
    configure_tensorflow()
    from ofa_tf.workflow.latency import held_out_report

    table = run.build_latency_table(device, settings, path)
    report = held_out_report(table)
    print(
        f"latency model on {report['num_archs']} other networks: mean error {report['mape']:.1%}, "
        f"within 5% {report['within_5_percent']:.0%}, within 10% {report['within_10_percent']:.0%}, "
        f"rank correlation {correlation_in_words(report['rank_correlation'])}"
    )
    print(f"written to {path}, with a plot in {path.with_suffix('.svg').name}")


if __name__ == "__main__":
    command_line.run(main)
