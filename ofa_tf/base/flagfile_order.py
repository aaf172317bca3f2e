"""The order of flags and flagfiles: of a flag that is given twice the last counts, so that a flagfile comes first."""

from collections.abc import Sequence

from absl import flags

from ofa_tf.base.errors import InputError

_FLAGFILE = "flagfile"


def check_flagfiles_come_first(arguments: Sequence[str], values: flags.FlagValues = flags.FLAGS) -> None:
    """Check that no flagfile undoes what was typed before it.

    Args:
        arguments: What was typed, without the program.
        values: The flags that are defined.

    Raises:
        InputError: If a flagfile has another value for a flag that stands before it, which
            would train something else than was asked for. (A value that stands apart from its
            flag, as in `--seed 3`, is taken for another one.)
        flags.Error: If a flagfile cannot be read.
    """
    typed: dict[str, str] = {}
    flagfile: str | None = None
    for argument in arguments:
        if flagfile == "":  # it was announced by the argument before
            flagfile = argument
        elif _name_of(argument, values) == _FLAGFILE:
            flagfile = argument.partition("=")[2]
        else:
            typed[_name_of(argument, values)] = argument
        if flagfile:
            _check_undoes_nothing(flagfile, typed, values)
            flagfile = None


def _check_undoes_nothing(flagfile: str, typed: dict[str, str], values: flags.FlagValues) -> None:
    content = values.read_flags_from_files([f"--{_FLAGFILE}={flagfile}"])
    for line in content:
        name = _name_of(line, values)
        before = typed.get(name)
        if name in values and before is not None and before.lstrip("-") != line.lstrip("-"):
            raise InputError(
                f"Expected flags behind the flagfile that has others for them. Received: {before} before "
                f"--{_FLAGFILE}={flagfile}, which says {line}. Put --{_FLAGFILE} first."
            )


def _name_of(argument: str, values: flags.FlagValues) -> str:
    """The flag of an argument, `"is_it"` of `--nois_it`, too; something else of a value that stands alone."""
    if not argument.startswith("-"):
        return argument
    name = argument.lstrip("-").partition("=")[0]
    positive = name.removeprefix("no")
    if name not in values and positive in values:
        return positive
    return name
