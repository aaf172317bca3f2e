"""Trains a once-for-all network, picks subnets for this machine and ships them as int8 TFLite.

Example:
    python tools/quickstart.py --flagfile=flags/quickstart.cfg --workdir=runs/quickstart
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line
from ofa_tf.base.folder_lock import check_no_writer
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.devices import device_flags
from ofa_tf.training.config_flags import config_from_flags, define_flags
from ofa_tf.training.start_checks import check_data, check_start

define_flags()
_DEVICE = flags.DEFINE_string("device", "host", device_flags.DEVICE_HELP)
_NUM_ARCHS = flags.DEFINE_integer("num_archs", 32, "Subnets whose accuracy is measured.")
_MAX_ACCURACY_DROP = flags.DEFINE_float(
    "max_accuracy_drop", 1.0, "Largest loss of top-1 accuracy through quantization, percent points."
)
_NUM_NETWORKS = flags.DEFINE_integer(
    "num_networks", 6, "Whole networks that calibrate latencies; half as many others check them."
)


def main(argv: Sequence[str]) -> None:
    del argv
    config = config_from_flags()
    check_no_writer(config.workdir)
    check_start(config, config.run_phases, resume=True)
    check_data(config, config.run_phases)
    configure_tensorflow(flags.FLAGS.intra_op_threads, config.mixed_precision, flags.FLAGS.deterministic)
    from ofa_tf.report.summary import format_table, list_missed_budgets
    from ofa_tf.workflow.quickstart import QuickstartSettings, run_quickstart
    from ofa_tf.workflow.run_folder import RunFolder

    device = device_flags.device_from_flags(_DEVICE.value)
    settings = QuickstartSettings(
        _NUM_ARCHS.value, _NUM_NETWORKS.value, max_accuracy_drop=_MAX_ACCURACY_DROP.value / 100
    )
    summary = run_quickstart(config, device, settings)
    print(format_table(summary["rows"]))
    if missed := list_missed_budgets(summary["rows"]):
        print("measured above the budget that they were found for:", ", ".join(missed))
    print("seconds:", ", ".join(f"{step} {value:.0f}" for step, value in summary["seconds"].items()))
    print(f"peak memory of this process: {summary['peak_ram_bytes'] / 1e9:.1f} GB")
    print(f"written to {RunFolder(config.workdir).summary_path}")


if __name__ == "__main__":
    command_line.run(main)
