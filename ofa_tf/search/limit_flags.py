"""The command-line flags of a search's limits: `--max_NAME` for each kind of constraint."""

from absl import flags

from ofa_tf.search.constraint_kinds import CONSTRAINT_KINDS
from ofa_tf.search.constraints import Limits


def define_limit_flags(values: flags.FlagValues = flags.FLAGS) -> None:
    """Define the flags among `values`. Call once, before they are parsed."""
    for name in CONSTRAINT_KINDS:
        flags.DEFINE_float(f"max_{name}", None, CONSTRAINT_KINDS[name].help, flag_values=values)


def limits_from_flags(values: flags.FlagValues = flags.FLAGS) -> Limits:
    """The limits that the parsed flags stand for.

    Raises:
        InputError: If there is none, or one is not positive.
    """
    return Limits(**{name: values[f"max_{name}"].value for name in CONSTRAINT_KINDS})
