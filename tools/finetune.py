"""Trains a found subnet alone, with the data and the recipe of the run that it is of.

Example:
    python tools/finetune.py --from=runs/quickstart --arch=arch.json --epochs=5 --workdir=runs/finetuned

It begins with the weights that the supernet has for the subnet, or with --from_scratch as a network of its own would,
and learns from labels and from the full network. --workdir becomes a run with this one subnet.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line
from ofa_tf.base.distribution_flag import check_cluster, define_distribution_flag, distribution_from_flags
from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import check_no_writer
from ofa_tf.base.plugin_flags import define_plugins_flag, load_plugins_from_flags
from ofa_tf.base.progress import announce
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.training.config_flags import changes_from_flags, define_changes_flags
from ofa_tf.training.start_checks import check_data, check_start
from ofa_tf.workflow.arch_names import parse_arch_list
from ofa_tf.workflow.finetuning import FinetuneSettings, finetune_config
from ofa_tf.workflow.run import open_run

define_plugins_flag()
define_changes_flags()
define_distribution_flag()
_FROM = flags.DEFINE_string("from", None, "Folder of the training run or import that the subnet is of.", required=True)
_ARCH = flags.DEFINE_string("arch", None, "Arch JSON file, max, min or random:1.", required=True)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for the new run.", required=True)
_EPOCHS = flags.DEFINE_integer("epochs", FinetuneSettings.epochs, "Epochs, warm-up included.")
_LEARNING_RATE = flags.DEFINE_float(
    "learning_rate", None, "Peak learning rate. By default that of the run's last phase; from scratch, of its first."
)
_WARMUP_EPOCHS = flags.DEFINE_float(
    "warmup_epochs",
    None,
    "Epochs in which the learning rate rises. By default none; from scratch, as in the run's first phase.",
)
_FROM_SCRATCH = flags.DEFINE_boolean("from_scratch", False, "Begin with drawn weights, not with the supernet's.")
_RESUME = flags.DEFINE_boolean("resume", False, "Continue what was interrupted.")


def main(argv: Sequence[str]) -> None:
    del argv
    plugins = load_plugins_from_flags()
    distribution = distribution_from_flags()
    run = open_run(_FROM.value)
    arch = _one_arch(run.space, _ARCH.value)
    changes = {**changes_from_flags(), "plugins": (*run.config.plugins, *plugins)}
    settings = FinetuneSettings(
        epochs=_EPOCHS.value,
        learning_rate=_LEARNING_RATE.value,
        warmup_epochs=_WARMUP_EPOCHS.value,
        from_scratch=_FROM_SCRATCH.value,
        changes=changes,
    )
    config = finetune_config(run.config, arch, _WORKDIR.value, settings)
    check_cluster(distribution, config.batch_size, config.mixed_precision)
    check_no_writer(config.workdir)
    check_start(config, config.run_phases, _RESUME.value)
    check_data(config, config.run_phases)
    start = "drawn weights" if settings.from_scratch else f"the weights in {run.path}"
    announce(f"a subnet of {config.space} on {config.dataset}, from {start}, into {config.workdir}")
    replicas = configure_tensorflow(
        flags.FLAGS.intra_op_threads,
        config.mixed_precision,
        flags.FLAGS.deterministic,
        distribution,
    )
    run.compute_on(replicas)
    run.finetune(arch, _WORKDIR.value, settings, _RESUME.value)
    if not replicas.is_first_worker:
        return
    print(f"The subnet is trained: see {config.workdir}.")
    options = (f"--workdir={config.workdir}", "--arch=max")
    evaluate = shell_command("tools/evaluate.py", *options)
    export = shell_command("tools/to_tflite.py", *options, "--output=model.tflite")
    print(f"Next: {evaluate}")
    print(f"Then: {export}")


def _one_arch(space: SearchSpace, text: str) -> Arch:
    """The arch that `--arch` names.

    Raises:
        InputError: If it names several, or none.
    """
    archs = list(parse_arch_list(space, [text]).values())
    if len(archs) != 1:
        raise InputError(
            f"Expected --arch to name one subnet. Received: --arch={text}, {len(archs)} of them. Pass an arch JSON "
            "file, max, min or random:1."
        )
    return archs[0]


if __name__ == "__main__":
    command_line.run(main)
