"""Measures the accuracy of a sample of subnets, for the accuracy predictor.

Continues a table that was begun for the same supernet, and keeps one of another supernet under another name. Measures
on every second validation image; the others are for reports. Several processes or computers can each measure a shard,
with the same supernet and data set; when their files lie in one workdir, --merge makes the table that one process would
have measured.

Example:
    python tools/build_accuracy_table.py --workdir=runs/quickstart --num_archs=100

    python tools/build_accuracy_table.py --workdir=runs/quickstart --num_archs=100 --shard=1/2
    python tools/build_accuracy_table.py --workdir=runs/quickstart --num_archs=100 --shard=2/2
    python tools/build_accuracy_table.py --workdir=runs/quickstart --merge
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line
from ofa_tf.base.cluster import Distribution
from ofa_tf.base.counts import count_in_words
from ofa_tf.base.distribution_flag import (
    define_distribution_flag,
    distribution_from_flags,
    has_other_workers,
)
from ofa_tf.base.errors import InputError
from ofa_tf.base.plugin_flags import define_plugins_flag, load_plugins_from_flags
from ofa_tf.base.progress import tell
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.report.predictor_summary import describe_predictor
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.accuracy_predictor import MIN_ARCHS_FOR_PREDICTOR, check_space
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.search.predictors.predictor_registry import AUTOMATIC, PREDICTORS, check_predictor
from ofa_tf.search.shards import Shard
from ofa_tf.workflow.run import Run, open_run

define_plugins_flag()
define_distribution_flag()
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the training run.", required=True)
_NUM_ARCHS = flags.DEFINE_integer(
    "num_archs", 100, "Number of subnets, in all shards together.", lower_bound=MIN_ARCHS_FOR_PREDICTOR
)
_SEED = flags.DEFINE_integer("seed", 0, "Decides which subnets.", lower_bound=0)
_SHARD = flags.DEFINE_string("shard", None, "Measure only the i-th of n shards of the subnets, as i/n, i from 1.")
_MERGE = flags.DEFINE_bool("merge", False, "Measure nothing; put the shards that were measured into the table.")
_PREDICTOR = flags.DEFINE_string(
    "predictor",
    AUTOMATIC,
    f"What predicts accuracies, and is judged here: {', '.join(PREDICTORS)}, or {AUTOMATIC}: the best of those for "
    "tables of this size.",
)


def main(argv: Sequence[str]) -> None:
    del argv
    load_plugins_from_flags()
    shard = _shard_from_flags()
    distribution = distribution_from_flags()
    run = open_run(_WORKDIR.value)
    check_space(run.space)
    check_predictor(_PREDICTOR.value)
    if _MERGE.value:
        table = run.merge_accuracy_table()
    else:
        measured = _find_or_build(run, shard, distribution)
        if measured is None:
            return
        table = measured
    _tell_size(table)
    if shard is not None:
        print(f"written to {run.shard_path(shard)}")
        command = shell_command("tools/build_accuracy_table.py", f"--workdir={_WORKDIR.value}", "--merge")
        print(f"Next, when all are there: {command}")
        return
    fitted = fit_predictor(table, _PREDICTOR.value)
    print(describe_predictor(fitted.name, fitted.quality, fitted.learning_curve()))
    print(f"written to {run.accuracy_table_path}")


def _shard_from_flags() -> Shard | None:
    """The shard to measure, after checking that every flag that was given has an effect."""
    if _MERGE.value and _SHARD.value is not None:
        raise InputError(f"Expected --shard or --merge. Received: both, --shard={_SHARD.value}. Leave one out.")
    for flag in (_NUM_ARCHS, _SEED):
        command_line.check_has_effect(flag, not _MERGE.value, "without --merge, which takes what the shards say")
    command_line.check_has_effect(_PREDICTOR, _SHARD.value is None, "without --shard, where nothing is predicted")
    if _SHARD.value is None:
        return None
    return Shard.parse(_SHARD.value, _NUM_ARCHS.value, _SEED.value)


def _find_or_build(run: Run, shard: Shard | None, distribution: Distribution) -> AccuracyTable | None:
    """The table, measured where subnets are missing; `None` to workers other than the first."""
    works_alone = not has_other_workers()  # those may have begun already, and wait for this one
    if works_alone:
        run.check_measured_alone(shard)
    run.check_supernet()
    known = run.find_accuracy_table(_NUM_ARCHS.value, _SEED.value, shard)
    if works_alone and known is not None:
        num_asked_for = min(_NUM_ARCHS.value, len(known))  # a shard, or a small space, has fewer
        subnets = count_in_words(num_asked_for, "subnet")
        tell(f"nothing to measure: {num_asked_for} of {subnets} already there")
        return known
    replicas = configure_tensorflow(distribution=distribution)
    run.compute_on(replicas)
    table = run.build_accuracy_table(_NUM_ARCHS.value, _SEED.value, shard)
    if not replicas.is_first_worker:
        return None
    return table


def _tell_size(table: AccuracyTable) -> None:
    subnets = count_in_words(len(table), "subnet")
    if not _MERGE.value and table.shard is None and len(table) > _NUM_ARCHS.value:
        print(f"the table has {subnets}, with those that it had before")
    num_images = sum(table.num_images)
    print(f"{subnets}, top-1 {table.top1.min():.2%} to {table.top1.max():.2%} on {num_images} images ({table.split})")


if __name__ == "__main__":
    command_line.run(main)
