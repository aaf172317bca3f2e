"""Compares ways of training a supernet, and its subnets with networks that are trained alone.

Trains supernets by progressive shrinking, by the sandwich method and naively; finds subnets for four latency budgets of
this computer; trains each alone, from scratch and from the supernet's weights; and trains MobileNetV2 and V3-Small, as
wide as the budgets allow. Takes hours; stopped, the same call goes on. Each step's command, time and log lie in the
workdir; at the end, so do `results.md`, which is printed, and a picture, `results.svg`.

Example:
    python tools/results.py --workdir=runs/results
    python tools/results.py --workdir=runs/results_photos --train_flags=--dataset=folder:PHOTOS,--epochs_scale=4
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line, files
from ofa_tf.base.errors import InputError
from ofa_tf.report.results_plot import results_svg
from ofa_tf.report.results_tables import describe_results
from ofa_tf.studies.results import RECIPES, ResultsSettings, run_results

_TITLE = "Accuracy of networks for the same latency budgets"

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for everything that is made.", required=True)
_TRAIN_FLAGS = flags.DEFINE_list(
    "train_flags",
    [],
    "Further flags of train_main.py, for every training from scratch. Paths are seen from the project's folder.",
)
_SEEDS = flags.DEFINE_list("seeds", ["0"], "Each makes a comparison of its own.")
_METHOD = flags.DEFINE_string(
    "searched_method", ResultsSettings.searched_method, f"Whose subnets are found: {', '.join(RECIPES)}."
)
_NUM_ARCHS = flags.DEFINE_integer("num_archs", ResultsSettings.num_archs, "Subnets of the accuracy table.")


def main(argv: Sequence[str]) -> None:
    del argv
    settings = ResultsSettings(
        train_flags=tuple(_TRAIN_FLAGS.value),
        seeds=tuple(_parse_seed(text) for text in _SEEDS.value),
        searched_method=_METHOD.value,
        num_archs=_NUM_ARCHS.value,
    )
    results = run_results(_WORKDIR.value, settings)
    description = describe_results(results)
    folder = Path(_WORKDIR.value)
    files.write_bytes(folder / "results.md", f"{description}\n".encode())
    files.write_bytes(folder / "results.svg", results_svg(results, _TITLE).encode())
    print(description)


def _parse_seed(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise InputError(f"Expected --seeds to be numbers from 0. Received: {text!r}. Pass, for example, --seeds=0,1.")
    return int(text)


if __name__ == "__main__":
    command_line.run(main)
