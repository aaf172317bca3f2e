"""The command-line flags of a search's limits: `--max_NAME` for each kind of constraint, and `--limits` for others."""

from collections.abc import Sequence

from absl import flags

from ofa_tf.base.errors import InputError
from ofa_tf.base.flag_groups import FlagGroup, define_in_group
from ofa_tf.search.constraint_kinds import CONSTRAINT_KINDS, KINDS_WITH_FLAGS, limit_flag
from ofa_tf.search.constraints import LIMIT_ADVICE, LIMIT_RULE, Limits, check_kind, is_limit

_SEVERAL = "Several, separated by commas, make as many searches."


def define_limit_flags(values: flags.FlagValues = flags.FLAGS) -> None:
    """Define the flags among `values`. Call once, before they are parsed."""
    for name in KINDS_WITH_FLAGS:
        text = CONSTRAINT_KINDS[name].help
        define_in_group(FlagGroup.LIMITS, flags.DEFINE_list, f"max_{name}", [], f"{text} {_SEVERAL}", values=values)
    text = "Limits as NAME=VALUE, separated by commas, of kinds that --plugins register."
    define_in_group(FlagGroup.LIMITS, flags.DEFINE_list, "limits", [], text, values=values)


def limits_from_flags(values: flags.FlagValues = flags.FLAGS) -> list[Limits]:
    """The limits that the parsed flags stand for. Call after plugins are loaded.

    Returns:
        One for each value of the flag that has several; none if there is no limit at all.

    Raises:
        InputError: If a limit is no number above 0 or given twice, two flags have several values, or there is no
            such kind of limit.
    """
    choices: dict[str, list[float]] = {}
    for name in KINDS_WITH_FLAGS:
        flag = f"max_{name}"
        if values[flag].value:
            choices[name] = _parse_numbers(flag, values[flag].value)
    texts = values["limits"].value
    received = f"--limits={','.join(texts)}"
    _check_commas("--limits", texts, "NAME=VALUE")
    for text in texts:
        name, limit = _parse_limit(text, received)
        if name in choices:
            raise InputError(f"Expected each limit once. Received: another one of {name} in {received}. Name it once.")
        choices[name] = [limit]
    if not choices:
        return []

    several = [limit_flag(name) for name, limits in choices.items() if len(limits) > 1]
    if len(several) > 1:
        raise InputError(
            f"Expected one limit with several values. Received: several of {' and of '.join(several)}. "
            "Search for those of the one, then of the other."
        )
    num_searches = max(len(limits) for limits in choices.values())
    all_limits = []
    for number in range(num_searches):
        of_search = {name: limits[number % len(limits)] for name, limits in choices.items()}
        all_limits.append(Limits(**of_search))
    return all_limits


def _parse_numbers(flag: str, texts: Sequence[str]) -> list[float]:
    """The limits that a flag lists."""
    received = f"--{flag}={','.join(texts)}"
    _check_commas(f"--{flag}", texts, "a number")
    numbers = [_parse_number(f"--{flag}", text) for text in texts]
    if len(set(numbers)) != len(numbers):
        raise InputError(f"Expected the numbers of --{flag} to differ. Received: {received}. Name each once.")
    return numbers


def _check_commas(flag: str, texts: Sequence[str], what: str) -> None:
    """Check that none of what a flag lists, which is `what`, is empty."""
    if "" in texts:
        raise InputError(
            f"Expected {what} before and after each comma of {flag}. Received: {flag}={','.join(texts)}. Leave out "
            "the comma without one."
        )


def _parse_limit(text: str, received: str) -> tuple[str, float]:
    """Name and value of one of `--limits`, all of which is `received`."""
    name, equals, number = text.partition("=")
    if not equals:
        raise InputError(
            f"Expected --limits to be like NAME=VALUE. Received: {received}. Write, for example, --limits=macs=2e6."
        )
    check_kind(name)
    return name, _parse_number(f"--limits={name}", number)


def _parse_number(flag: str, text: str) -> float:
    """A limit.

    Raises:
        InputError: If it is none; it names the flag.
    """
    received = f"Received: {flag}={text}."
    try:
        number = float(text)
    except ValueError as error:
        raise InputError(
            f"Expected {flag} to be a number. {received} Write it in digits, such as 2.5 or 2e6."
        ) from error
    if not is_limit(number):
        raise InputError(f"Expected {flag} to be {LIMIT_RULE}. {received} {LIMIT_ADVICE}")
    return number
