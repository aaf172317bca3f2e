"""Trains a once-for-all network, picks subnets for this machine, ships them as int8 TFLite, and writes a report.

What was interrupted goes on with the same command. Without --flagfile the recipe is that of flags/quickstart.cfg.

Example:
    python tools/quickstart.py --workdir=runs/quickstart
    python tools/quickstart.py --dataset=folder:PHOTOS --workdir=runs/mine
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line
from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import check_no_writer
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.devices import device_flags
from ofa_tf.report.quickstart_table import ShownKeys, describe_quickstart
from ofa_tf.training.config_flags import config_from_flags, define_flags
from ofa_tf.training.start_checks import check_data, check_start
from ofa_tf.workflow.quickstart_settings import QUICKSTART_MODELS, QuickstartSettings
from ofa_tf.workflow.report_data import save_report
from ofa_tf.workflow.run import Run, open_run

define_flags()
_DEVICE = flags.DEFINE_string("device", "host", device_flags.DEVICE_HELP)
_PRECISION = flags.DEFINE_enum(
    "precision",
    QuickstartSettings.precision,
    list(QUICKSTART_MODELS),
    "Of the models that budgets, latencies and accuracies are of; both are shipped.",
)
_NUM_ARCHS = flags.DEFINE_integer("num_archs", QuickstartSettings.num_archs, "Subnets whose accuracy is measured.")
_MAX_ACCURACY_DROP = flags.DEFINE_float(
    "max_accuracy_drop",
    100 * QuickstartSettings.max_accuracy_drop,
    "Largest loss of top-1 accuracy through quantization, percent points; else no file.",
    lower_bound=0,
    upper_bound=100,
)
_NUM_NETWORKS = flags.DEFINE_integer(
    "num_networks",
    QuickstartSettings.num_networks,
    "Whole networks that calibrate latencies; half as many others check them.",
)

_RECIPE = Path(__file__).resolve().parents[1] / "flags" / "quickstart.cfg"
_COMMAND = command_line.typed_command()  # as typed, before the recipe is added to it


def main(argv: Sequence[str]) -> None:
    del argv
    settings = QuickstartSettings(
        precision=_PRECISION.value,
        num_archs=_NUM_ARCHS.value,
        num_networks=_NUM_NETWORKS.value,
        max_accuracy_drop=_MAX_ACCURACY_DROP.value / 100,
    )
    config = config_from_flags()
    check_no_writer(config.workdir)
    check_start(config, config.run_phases, resume=True)
    check_data(config, config.run_phases)
    configure_tensorflow(flags.FLAGS.intra_op_threads, config.mixed_precision, flags.FLAGS.deterministic)
    from ofa_tf.workflow.quickstart import run_quickstart

    device = device_flags.device_from_flags(_DEVICE.value)
    summary = run_quickstart(config, device, settings, _COMMAND)
    run = open_run(config.workdir)
    _print_summary(summary, settings)
    print(f"all facts: {run.summary_path}")
    _write_report(run)


def _print_summary(summary: Mapping[str, Any], settings: QuickstartSettings) -> None:
    models = settings.models
    print(describe_quickstart(summary, ShownKeys(models.name, models.latency_key, models.top1_key)))
    seconds = []
    for step, value in summary["seconds"].items():
        if value is not None:
            seconds.append(f"{step} {value:.0f}")
    print(f"seconds: {', '.join(seconds)}; peak memory of this process: {summary['peak_ram_bytes'] / 1e9:.1f} GB")


def _write_report(run: Run) -> None:
    """Write the page, or say how to get it: without it, the quickstart is as good as finished."""
    try:
        save_report(run, run.report_path)
    except InputError as error:
        command = shell_command("tools/report.py", f"--workdir={run.path}", f"--output={run.report_path}")
        print(f"no report: {error} Then: {command}")
        return
    print(f"a page to look at: {run.report_path}")


def _with_recipe(arguments: Sequence[str]) -> list[str]:
    """A command line with the quickstart's recipe, if it names none; flags behind it count more."""
    program, *options = arguments
    if any(option.lstrip("-").split("=")[0] == "flagfile" for option in options):
        return [program, *options]
    return [program, f"--flagfile={_RECIPE}", *options]


if __name__ == "__main__":
    sys.argv = _with_recipe(sys.argv)
    command_line.run(main)
