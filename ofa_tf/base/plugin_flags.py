"""The command-line flag `--plugins`, by which tools learn of what a user adds to the package."""

from absl import flags

from ofa_tf.base.flag_groups import FlagGroup, define_in_group
from ofa_tf.base.plugins import load_plugins

PLUGINS_HELP = "Python files or modules with search spaces, block types, ... of your own, separated by commas."


def define_plugins_flag(values: flags.FlagValues = flags.FLAGS) -> None:
    """Define the flag among `values`. Call once, before they are parsed."""
    define_in_group(FlagGroup.RUN, flags.DEFINE_list, "plugins", [], PLUGINS_HELP, values=values)


def plugins_of_program(values: flags.FlagValues = flags.FLAGS) -> tuple[str, ...]:
    """What the parsed flag was given, for commands to be pasted; none where no program has parsed one."""
    if not values.is_parsed() or "plugins" not in values:
        return ()
    return tuple(values["plugins"].value)


def load_plugins_from_flags(values: flags.FlagValues = flags.FLAGS) -> tuple[str, ...]:
    """Load the plugins of the parsed flag. Call first, so that all that they register is known by its name.

    Returns:
        The plugins, for the configuration of a run.

    Raises:
        InputError: If there is no such file or module.
    """
    plugins = tuple(values["plugins"].value)
    load_plugins(plugins)
    return plugins
