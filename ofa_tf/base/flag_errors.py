"""What is wrong with a command line, in the words of all other errors; absl has words of its own, and Python's."""

import re

from absl import flags

_SEE_HELP = "See --helpshort."

# How absl reports a required flag that was not given, and a value that a flag cannot have.
_MISSING = re.compile(r"Flag --(\w+) must have a value other than None\.")
_UNREADABLE = re.compile(r"flag --(?P<name>\w+)=(?P<value>.*)", re.DOTALL)


def describe_flag_error(error: Exception, values: flags.FlagValues = flags.FLAGS) -> str:
    """What to tell the user about an error that absl raises for a command line.

    Args:
        error: What absl raised.
        values: The flags that are defined.
    """
    text = str(error).removeprefix("ERROR:: ")
    missing = _MISSING.findall(text)
    if missing:
        return _describe_missing(missing, values)
    reason = str(error.__context__)
    unreadable = _UNREADABLE.fullmatch(text.removesuffix(f": {reason}"))
    if error.__context__ is None or unreadable is None:
        return f"{text} (see --helpshort)"
    name = unreadable["name"]
    received = f"Received: --{name}={unreadable['value']}. {_SEE_HELP}"
    rule = _rule_of(values[name])
    if rule is None:
        return f"Expected another value of --{name}: {reason}. {received}"
    return f"Expected --{name} to be {rule}. {received}"


def _describe_missing(names: list[str], values: flags.FlagValues) -> str:
    """The error for required flags that were not given."""
    if len(names) == 1:
        name = names[0]
        meaning = (values[name].help or "").partition(". ")[0].rstrip(".")
        return f"Expected --{name}. Received: none. --{name}: {meaning}. {_SEE_HELP}"
    listed = ", ".join(f"--{name}" for name in names[:-1])
    return f"Expected {listed} and --{names[-1]}. Received: none of them. {_SEE_HELP}"


def _rule_of(flag: flags.Flag) -> str | None:
    """What values a flag can have, in words; `None` if its type does not tell."""
    parser = flag.parser
    if isinstance(parser, flags.BooleanParser):
        return "true or false"
    if isinstance(parser, flags.EnumParser):
        return f"one of {', '.join(parser.enum_values)}"
    if isinstance(parser, flags.IntegerParser | flags.FloatParser):
        return parser.syntactic_help
    return None
