"""The command-line flag `--distribution`: on which devices a program computes."""

from absl import flags

from ofa_tf.base.cluster import Distribution, check_batch_size, find_cluster
from ofa_tf.base.compute_precision import check_replicas
from ofa_tf.base.flag_groups import FlagGroup, define_in_group

_HELP = (
    "Devices: none (one), mirrored (all of this computer), multiworker (all of several processes; TF_CONFIG or srun "
    "tells each which one it is)."
)


def define_distribution_flag(values: flags.FlagValues = flags.FLAGS) -> None:
    """Define the flag among `values`. Call once, before they are parsed."""
    names = [distribution.value for distribution in Distribution]
    default = Distribution.NONE.value
    define_in_group(FlagGroup.DEVICES, flags.DEFINE_enum, "distribution", default, names, _HELP, values=values)


def distribution_from_flags(values: flags.FlagValues = flags.FLAGS) -> Distribution:
    """What the parsed flag stands for.

    Raises:
        InputError: If there shall be several workers, and nothing says which they are.
    """
    distribution = Distribution(values["distribution"].value)
    if distribution is Distribution.MULTIWORKER:
        find_cluster()
    return distribution


def has_other_workers(values: flags.FlagValues = flags.FLAGS) -> bool:
    """Whether the program computes together with others; one without the flag does not."""
    return "distribution" in values and values["distribution"].value == Distribution.MULTIWORKER.value


def check_cluster(distribution: Distribution, batch_size: int, mixed_precision: str) -> None:
    """Check, without waiting for the others, that workers can share the steps of a training.

    Raises:
        InputError: If they cannot.
    """
    if distribution is not Distribution.MULTIWORKER:
        return
    num_workers = find_cluster().num_workers
    check_batch_size(batch_size, num_workers)
    check_replicas(mixed_precision, num_workers)
