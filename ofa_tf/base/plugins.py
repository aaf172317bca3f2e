"""Loading what a user adds to the package: search spaces, block types, devices, predictors of their own."""

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from ofa_tf.base.errors import InputError
from ofa_tf.base.tensorflow_setup import quiet_tensorflow

# What an error about a name that is not known adds, where plugins can make such names known.
PLUGIN_HINT = (
    "If it is your own, load the file that registers it: --plugins=FILE; in Python, ofa_tf.load_plugins([FILE])."
)

_ADVICE = "Name a Python file, or a module that Python finds (PYTHONPATH)."


def load_plugins(plugins: Iterable[str]) -> None:
    """Import modules that register something when they are imported.

    Each is imported once in a process, however often it is named, and not again if
    the program imported it by itself. What they write to stderr is shown only if they
    fail: TensorFlow, which many of them import, writes there.

    Args:
        plugins: Paths of Python files (ending in `.py`), or names of modules.

    Raises:
        InputError: If there is no such file or module, or a single string came in
            place of several.
    """
    if isinstance(plugins, str):
        raise InputError(
            f"Expected `plugins` to be a list of files or modules. Received: {plugins!r}. Put it into a list."
        )
    for plugin in plugins:
        if not isinstance(plugin, str) or not plugin:
            raise InputError(f"Expected each plugin to be a file or module. Received: {plugin!r}. {_ADVICE}")
        if plugin.endswith(".py"):
            _load_file(Path(plugin).expanduser())
        else:
            _load_module(plugin)


def absolute_plugin(plugin: str) -> str:
    """A plugin as it is found from any folder: the path of a file in full, the name of a module as it is."""
    if plugin.endswith(".py"):
        return str(Path(plugin).expanduser().absolute())
    return plugin


def _load_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"Expected a plugin at {path}. Received: no such file. {_ADVICE}")
    if _is_imported(path):
        return
    name = f"ofa_tf_plugin:{path.resolve()}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"Expected {path} to be a Python file. Received: one that Python does not load. {_ADVICE}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with quiet_tensorflow():
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _is_imported(path: Path) -> bool:
    """Whether a file was run in this process: as a plugin, by an import, or as the program itself."""
    path = path.resolve()
    for module in list(sys.modules.values()):
        # Not getattr, which makes modules that load on first use load.
        file = getattr(module, "__dict__", {}).get("__file__")
        if file is not None and file.endswith(path.name) and Path(file).resolve() == path:
            return True
    return False


def _load_module(name: str) -> None:
    try:
        with quiet_tensorflow():
            importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise  # something that the plugin itself imports
        raise InputError(f"Expected the plugin {name!r} to be a module. Received: {error}. {_ADVICE}") from error
