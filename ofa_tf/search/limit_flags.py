"""The command-line flags of a search's limits: `--max_NAME` for each kind of constraint, and `--limits` for others."""

from absl import flags

from ofa_tf.base.errors import InputError
from ofa_tf.base.flag_groups import FlagGroup, define_in_group
from ofa_tf.search.constraint_kinds import CONSTRAINT_KINDS
from ofa_tf.search.constraints import Limits

_SEVERAL = "Several, separated by commas, make as many searches."


def define_limit_flags(values: flags.FlagValues = flags.FLAGS) -> None:
    """Define the flags among `values`. Call once, before they are parsed."""
    for name in CONSTRAINT_KINDS:
        text = CONSTRAINT_KINDS[name].help
        define_in_group(FlagGroup.LIMITS, flags.DEFINE_list, f"max_{name}", [], f"{text} {_SEVERAL}", values=values)
    # Flags are parsed before the plugins that they name are loaded, so a plugin's kinds get no flags of their own.
    text = "Limits as NAME=VALUE, separated by commas, of kinds that --plugins register."
    define_in_group(FlagGroup.LIMITS, flags.DEFINE_list, "limits", [], text, values=values)


def limits_from_flags(values: flags.FlagValues = flags.FLAGS) -> list[Limits]:
    """The limits that the parsed flags stand for. Call after plugins are loaded.

    Returns:
        One for each value of the flag that has several; none if there is no limit at all.

    Raises:
        InputError: If a limit is no number, not positive or given twice, two flags have several values, or
            there is no such kind of limit.
    """
    choices: dict[str, list[float]] = {}
    for name in CONSTRAINT_KINDS:
        flag = f"max_{name}"
        if flag in values and values[flag].value:
            choices[name] = [_parse_number(flag, text) for text in values[flag].value]
    for text in values["limits"].value:
        name, limit = _parse_limit(text)
        if name in choices:
            raise InputError(f"Expected each limit once. Received: another one of {name} in --limits={text}.")
        choices[name] = [limit]
    if not choices:
        return []

    several = [name for name, limits in choices.items() if len(limits) > 1]
    if len(several) > 1:
        raise InputError(
            f"Expected one kind of limit with several values. Received: several of {' and of '.join(several)}. "
            "Search for the one, then for the other."
        )
    num_searches = max(len(limits) for limits in choices.values())
    all_limits = []
    for number in range(num_searches):
        of_search = {name: limits[number % len(limits)] for name, limits in choices.items()}
        all_limits.append(Limits(**of_search))
    return all_limits


def _parse_number(flag: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"Expected --{flag} to be a number. Received: --{flag}={text}.") from error


def _parse_limit(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError as error:
        raise InputError(f"Expected --limits to be like NAME=VALUE. Received: --limits={text}.") from error
