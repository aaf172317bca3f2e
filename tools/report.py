"""Writes what a run has shown so far into one HTML page: its subnets, devices, predictions, training and models.

The page needs nothing else, no network and no server. What the run does not have yet is said in it, with the command
that makes it. Loads no TensorFlow, and measures nothing.

Example:
    python tools/report.py --workdir=runs/quickstart --output=report.html
    python tools/report.py --workdir=runs/quickstart --front=front.json,front_int8.json --output=report.html
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line, files
from ofa_tf.base.plugin_flags import define_plugins_flag, load_plugins_from_flags
from ofa_tf.search.predictors.predictor_registry import PREDICTORS, check_predictor
from ofa_tf.workflow.report_data import ReportSettings, save_report
from ofa_tf.workflow.run import open_run

define_plugins_flag()
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the training run.", required=True)
_FRONT = flags.DEFINE_list("front", [], "JSON files of fronts; by default all in the workdir.")
_PREDICTOR = flags.DEFINE_string(
    "predictor",
    None,
    f"Accuracy predictor to judge: {', '.join(PREDICTORS)}. By default that with the smallest error; of tables of more "
    "than 1,000 subnets the linear one, as others take minutes.",
)
_OUTPUT = flags.DEFINE_string("output", "report.html", "HTML file to write.")


def main(argv: Sequence[str]) -> None:
    del argv
    plugins = load_plugins_from_flags()
    if _PREDICTOR.value is not None:
        check_predictor(_PREDICTOR.value)
    files.check_output(_OUTPUT.value)
    settings = ReportSettings(
        fronts=[Path(front) for front in _FRONT.value],
        predictor=_PREDICTOR.value,
        plugins=plugins,
    )
    data = save_report(open_run(_WORKDIR.value), _OUTPUT.value, settings)
    for notes in data.notes.values():
        for note in notes:
            print(f"missing: {note.text}")
    print(f"written to {_OUTPUT.value}")


if __name__ == "__main__":
    command_line.run(main)
