"""Appends to some pages, while they are read, what would otherwise have to be kept up by hand.

- `docs/api`: the reference of all public names, those of `ofa_tf/__init__.pyi`, by folders of the package.
- `docs/decisions/README`: the records, so that they stand below it in the site's navigation.

Nothing is written into the source folder.
"""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import ofa_tf
from ofa_tf.base.tensorflow_setup import quiet_tensorflow

_STUB = Path(ofa_tf.__file__).with_suffix(".pyi")
_REFERENCE = "docs/api"
_DECISIONS = "docs/decisions/README"
_RECORDS = """
```{toctree}
:hidden:
:glob:

0*
```
"""


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls to load an extension."""
    app.connect("source-read", _append)
    app.connect("env-get-outdated", _always_read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def public_names(stub: str) -> dict[str, str]:
    """The public names of the package, each with the folder that it comes from, in the order of the folders.

    Args:
        stub: Text of `ofa_tf/__init__.pyi`.
    """
    folders = {}
    for node in ast.parse(stub).body:
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        folder = node.module.split(".")[0]
        for alias in node.names:
            folders[alias.asname or alias.name] = folder
    return folders


def reference(names: dict[str, str]) -> Iterator[str]:
    """The sections of the reference as Markdown, line by line.

    Args:
        names: Public names with their folders.
    """
    for folder in dict.fromkeys(names.values()):
        yield f"## {folder}"
        yield ""
        yield _summary(folder)
        yield ""
        yield "```{eval-rst}"
        for name, folder_of_name in names.items():
            if folder_of_name == folder:
                yield from _directive(name)
        yield "```"
        yield ""


def _summary(folder: str) -> str:
    """The first line of what a folder says of itself."""
    module = importlib.import_module(f"ofa_tf.{folder}")
    docstring = inspect.getdoc(module) or ""
    return docstring.splitlines()[0]


def _directive(name: str) -> Iterator[str]:
    public = getattr(ofa_tf, name)
    if not inspect.isclass(public):
        yield f".. autofunction:: ofa_tf.{name}"
        yield ""
        return
    yield f".. autoclass:: ofa_tf.{name}"
    yield "   :members:"
    # A class that is spread over several of our own is one to its users; Keras describes its classes itself.
    if all(base.__module__.startswith("ofa_tf.") for base in public.__mro__[:-1]):
        yield "   :inherited-members:"
    yield ""


def _append(_app: Sphinx, page: str, source: list[str]) -> None:
    """Sphinx's event `source-read`: `source` has the text of the page, to be changed in place."""
    if page == _DECISIONS:
        source[0] += _RECORDS
    if page == _REFERENCE:
        with quiet_tensorflow():
            names = public_names(_STUB.read_text(encoding="utf-8"))
            source[0] += "\n".join(["", *reference(names)])


def _always_read(_app: Sphinx, env: BuildEnvironment, *_: object) -> list[str]:
    """Sphinx's event `env-get-outdated`: pages that are read again although their own files are unchanged."""
    return [page for page in (_REFERENCE, _DECISIONS) if page in env.found_docs]
