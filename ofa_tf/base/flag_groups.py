"""The groups of flags that several programs share, and a program's help, which shows flags by group."""

import enum
from collections.abc import Callable, Iterable
from typing import Any

from absl import flags

_INDENT = "  "


class FlagGroup(enum.Enum):
    """What flags are about, in the order of the help."""

    RUN = "Run"
    NETWORK = "Network"
    DATA = "Data"
    STEP = "Training step"
    PHASES = "Phases"
    LIMITS = "Limits"
    DEVICES = "Devices that compute"
    PHONES = "Phones"


def define_in_group(
    group: FlagGroup,
    define: Callable[..., Any],
    name: str,
    *arguments: Any,
    values: flags.FlagValues = flags.FLAGS,
    **options: Any,
) -> flags.FlagHolder:
    """Define a flag that the help of every program that has it shows in a group.

    Args:
        group: The group.
        define: One of absl's functions, such as `flags.DEFINE_integer`.
        name: Of the flag.
        *arguments: Of `define`, after the name.
        values: Where to define it.
        **options: Of `define`.
    """
    # absl files a flag under the name of a module; a group's title takes its place.
    holder: flags.FlagHolder = define(name, *arguments, flag_values=values, module_name=group.value, **options)
    return holder


def describe_flags(program: str, values: flags.FlagValues = flags.FLAGS) -> str:
    """The flags of a program and what they mean: its own ones first, then the groups.

    Args:
        program: Path of the program, as in `sys.argv`.
        values: The flags that are defined.
    """
    sections = [_section("Flags", values.get_key_flags_for_module(program))]
    by_title = values.flags_by_module_dict()
    for group in FlagGroup:
        if group.value in by_title:
            sections.append(_section(group.value, by_title[group.value]))
    return "\n\n".join(sections)


def _section(title: str, members: Iterable[flags.Flag]) -> str:
    lines = [f"{title}:"]
    for flag in members:
        lines.append(_describe(flag))
    return "\n".join(lines)


def _describe(flag: flags.Flag) -> str:
    """One flag, its meaning and its default."""
    name = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}"
    text = f"{name}: {flag.help}"
    default = (flag.default_as_str or "").strip("'")
    if default:
        text = f"{text} (default: {default})"
    return flags.text_wrap(text, indent=2 * _INDENT, firstline_indent=_INDENT)
