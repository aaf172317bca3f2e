"""Commands of the programs, to be pasted into a shell, which messages name."""

import shlex
from collections.abc import Sequence

from ofa_tf.base.plugin_flags import plugins_of_program


def shell_command(program: str, *options: str, plugins: Sequence[str] | None = None) -> str:
    """A command, quoted for a shell.

    Args:
        program: File of the program in this project, such as `"tools/search.py"`.
        options: Its flags, in order, such as `"--output=arch.json"`.
        plugins: What its `--plugins` is; by default what that of this program was given.
    """
    if plugins is None:
        plugins = plugins_of_program()
    words = ["python", program]
    if plugins:
        words.append(f"--plugins={','.join(plugins)}")
    return shlex.join([*words, *options])
