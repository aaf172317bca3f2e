"""Compares training once, for all latency budgets, with methods that search and train for each.

Prints the processor hours of each method for 1, 2, 4 and 8 budgets, the accuracies at measured latencies, from how many
budgets on training once is cheaper, and what was published. Takes hours; stopped, the same call goes on.

Example:
    python tools/compare.py --workdir=runs/compare --methods=once_for_all,sampled,relaxed,random
    python tools/compare.py --workdir=runs/compare --max_latency_ms=0.1,0.2 --seeds=0,1 --train_flags=--epochs_scale=2
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line
from ofa_tf.base.errors import InputError
from ofa_tf.report.bill import describe_comparison
from ofa_tf.studies.comparison import COMPARED_METHODS, ComparisonSettings, run_comparison

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for everything that is made.", required=True)
_METHODS = flags.DEFINE_list("methods", list(COMPARED_METHODS), "What is compared; once_for_all is always among it.")
_BUDGETS = flags.DEFINE_list(
    "max_latency_ms", [], "Latency budgets. By default two between the smallest and the largest subnet."
)
_SEEDS = flags.DEFINE_list("seeds", ["0"], "Each makes a comparison of its own.")
_RECIPE = flags.DEFINE_string("recipe", ComparisonSettings.flagfile, "Flagfile of the supernet's training.")
_TRAIN_FLAGS = flags.DEFINE_list(
    "train_flags", [], "Further flags of the supernet's training. Paths are seen from the project's folder."
)
_NUM_ARCHS = flags.DEFINE_integer("num_archs", ComparisonSettings.num_archs, "Subnets of the accuracy table.")
_SEARCH_EPOCHS = flags.DEFINE_integer(
    "search_epochs", None, "Epochs of a search for one budget. By default as many as a network is trained for."
)
_RANDOM_EPOCHS = flags.DEFINE_integer(
    "random_epochs", None, "Epochs of each network of the random search. By default an eighth of those alone."
)
_RANDOM_SECONDS = flags.DEFINE_float(
    "random_processor_seconds", None, "Processor time of a random search. By default as long as the other searches."
)


def main(argv: Sequence[str]) -> None:
    del argv
    settings = ComparisonSettings(
        methods=tuple(_METHODS.value),
        budgets_ms=tuple(_parse_budget(text) for text in _BUDGETS.value),
        seeds=tuple(_parse_seed(text) for text in _SEEDS.value),
        flagfile=_RECIPE.value,
        train_flags=tuple(_TRAIN_FLAGS.value),
        num_archs=_NUM_ARCHS.value,
        search_epochs=_SEARCH_EPOCHS.value,
        random_epochs=_RANDOM_EPOCHS.value,
        random_processor_seconds=_RANDOM_SECONDS.value,
    )
    seeds = run_comparison(_WORKDIR.value, settings)
    print(describe_comparison(seeds))


def _parse_budget(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(
            f"Expected --max_latency_ms to be numbers, separated by commas. Received: {text!r}. Pass, for example, "
            "--max_latency_ms=0.1,0.2."
        ) from None


def _parse_seed(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise InputError(f"Expected --seeds to be numbers from 0. Received: {text!r}. Pass, for example, --seeds=0,1.")
    return int(text)


if __name__ == "__main__":
    command_line.run(main)
