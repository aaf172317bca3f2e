"""The command-line flags of a search's limits: `--max_NAME` for each kind of constraint, and `--limits` for others."""

from absl import flags

from ofa_tf.base.errors import InputError
from ofa_tf.base.flag_groups import FlagGroup, define_in_group
from ofa_tf.search.constraint_kinds import CONSTRAINT_KINDS
from ofa_tf.search.constraints import Limits


def define_limit_flags(values: flags.FlagValues = flags.FLAGS) -> None:
    """Define the flags among `values`. Call once, before they are parsed."""
    for name in CONSTRAINT_KINDS:
        text = CONSTRAINT_KINDS[name].help
        define_in_group(FlagGroup.LIMITS, flags.DEFINE_float, f"max_{name}", None, text, values=values)
    # Flags are parsed before the plugins that they name are loaded, so a plugin's kinds get no flags of their own.
    text = "Limits as NAME=VALUE, separated by commas, of kinds that --plugins register."
    define_in_group(FlagGroup.LIMITS, flags.DEFINE_list, "limits", [], text, values=values)


def limits_from_flags(values: flags.FlagValues = flags.FLAGS) -> Limits:
    """The limits that the parsed flags stand for. Call after plugins are loaded.

    Raises:
        InputError: If there is none, one is not positive or given twice, or there is no such kind.
    """
    limits: dict[str, float] = {}
    for name in CONSTRAINT_KINDS:
        flag = f"max_{name}"
        if flag in values and values[flag].value is not None:
            limits[name] = values[flag].value
    for text in values["limits"].value:
        name, limit = _parse_limit(text)
        if name in limits:
            raise InputError(f"Expected each limit once. Received: another one of {name} in --limits={text}.")
        limits[name] = limit
    return Limits(**limits)


def _parse_limit(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError as error:
        raise InputError(f"Expected --limits to be like NAME=VALUE. Received: --limits={text}.") from error
