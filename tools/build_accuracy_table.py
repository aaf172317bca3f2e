"""Measures the accuracy of a sample of subnets, for the accuracy predictor.

Continues a table that was begun for the same supernet.

Example:
    python tools/build_accuracy_table.py --workdir=runs/quickstart --num_archs=100
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line
from ofa_tf.base.distribution_flag import define_distribution_flag, distribution_from_flags
from ofa_tf.base.plugin_flags import define_plugins_flag, load_plugins_from_flags
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.report.summary import format_correlation
from ofa_tf.search.predictors.accuracy_predictor import MIN_ARCHS_FOR_PREDICTOR, check_space
from ofa_tf.search.predictors.predictor_registry import DEFAULT_PREDICTOR, PREDICTORS, get_predictor
from ofa_tf.workflow.run import open_run

define_plugins_flag()
define_distribution_flag()
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the training run.", required=True)
_NUM_ARCHS = flags.DEFINE_integer("num_archs", 100, "Number of subnets.", lower_bound=MIN_ARCHS_FOR_PREDICTOR)
_SEED = flags.DEFINE_integer("seed", 0, "Decides which subnets.", lower_bound=0)
_PREDICTOR = flags.DEFINE_string(
    "predictor", DEFAULT_PREDICTOR, f"What predicts accuracies, and is judged here: {', '.join(PREDICTORS)}."
)


def main(argv: Sequence[str]) -> None:
    del argv
    load_plugins_from_flags()
    distribution = distribution_from_flags()
    run = open_run(_WORKDIR.value)
    check_space(run.space)
    predictor = get_predictor(_PREDICTOR.value)
    replicas = configure_tensorflow(distribution=distribution)
    run.compute_on(replicas)
    table = run.build_accuracy_table(_NUM_ARCHS.value, _SEED.value)
    if not replicas.is_first_worker:
        return
    if len(table.top1) > _NUM_ARCHS.value:
        print(f"the table already had {len(table.top1)} subnets: nothing was measured")
    print(f"{len(table.top1)} subnets, top-1 {table.top1.min():.2%} to {table.top1.max():.2%} on {table.split}")
    report = predictor.fit(table).report
    correlation = format_correlation(report["rank_correlation"])
    print(f"accuracy predictor, cross-validated: RMSE {report['rmse']:.2%}, rank correlation {correlation}")
    print(f"written to {run.accuracy_table_path}")


if __name__ == "__main__":
    command_line.run(main)
