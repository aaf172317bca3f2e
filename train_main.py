"""Trains a once-for-all network, by progressive shrinking or by the sandwich method.

Example:
    python train_main.py --flagfile=flags/quickstart.cfg --phase=all --workdir=runs/mine

Phases in order: full, kernel, depth (stages 1, 2), width (stages 1, 2). Each starts
from the checkpoint of the one before; --phase=all runs them all, --resume continues
after an interruption. With --method=sandwich there is one phase, sandwich; --method=naive, which trains random subnets
on labels alone, is there to compare with.
"""

from collections.abc import Sequence

from absl import flags

from ofa_tf.base import command_line
from ofa_tf.base.distribution_flag import check_cluster, define_distribution_flag, distribution_from_flags
from ofa_tf.base.folder_lock import check_no_writer
from ofa_tf.base.progress import announce
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.training.config_flags import config_from_flags, define_flags
from ofa_tf.training.phases import next_phase, select_phases
from ofa_tf.training.start_checks import check_data, check_start

define_flags()
define_distribution_flag()
_PHASE = flags.DEFINE_string("phase", "all", "full, kernel, depth, width (or sandwich or naive, see --method) or all.")
_STAGE = flags.DEFINE_integer("stage", None, "Stage of phase depth or width, from 1; all its stages by default.")
_RESUME = flags.DEFINE_boolean("resume", False, "Skip finished phases and continue an interrupted one.")


def main(argv: Sequence[str]) -> None:
    del argv
    config = config_from_flags()
    distribution = distribution_from_flags()
    check_cluster(distribution, config.batch_size, config.mixed_precision)
    phases = select_phases(_PHASE.value, _STAGE.value, config.method)
    check_no_writer(config.workdir)
    check_start(config, phases, _RESUME.value)
    check_data(config, phases)
    replicas = configure_tensorflow(
        flags.FLAGS.intra_op_threads,
        config.mixed_precision,
        flags.FLAGS.deterministic,
        distribution,
    )
    names = ", ".join(phase.name for phase in phases)
    announce(f"{config.space} on {config.dataset}, phases {names}, into {config.workdir}")
    from ofa_tf.training.progressive_shrinking import train  # loads TensorFlow, which flag errors need not wait for

    result = train(config, phases, _RESUME.value, replicas)
    if not replicas.is_first_worker:
        return
    outcome = "is finished" if result.trained else "was finished before"
    last = phases[-1]
    print(f"Phase {last.name} {outcome}: see {config.workdir}.")
    following = next_phase(last)
    if following is None:
        command = shell_command("tools/evaluate.py", f"--workdir={config.workdir}", "--arch=max")
        print(f"Next: {command}")
    else:
        print(f"Next: the same command with {following.flags}")


if __name__ == "__main__":
    command_line.run(main)
