"""The faces of the package and of its folders: what an `__init__.py` says and exports."""

import ast
import importlib.util
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import ofa_tf
from tests.support.repository import ROOT

PACKAGE = ROOT / "ofa_tf"
FOLDERS = sorted({path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE})
every_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(PACKAGE).as_posix())


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _imports(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of each `from ofa_tf... import name` in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ofa_tf"):
            for alias in node.names:
                yield node.module, alias.name


def _used_by_others(folder: Path) -> set[str]:
    """What modules outside of a folder import from those right in it."""
    inside = {_dotted(path) for path in folder.glob("*.py")}
    users = [*PACKAGE.rglob("*.py"), *(ROOT / "tools").glob("*.py"), ROOT / "train_main.py"]
    used = set()
    for user in users:
        if folder in user.parents:
            continue
        for module, name in _imports(user):
            if module in inside or f"{module}.{name}" in inside:
                used.add(name)
    return used


@every_folder
def test_a_folder_says_what_it_is_for_and_in_which_order_to_read_it(folder: Path) -> None:
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert len(docstring.split()) > 20
    modules = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    folders = {f"{path.name}/" for path in folder.iterdir() if (path / "__init__.py").is_file()}
    named = {word.strip("`.,;:()") for word in docstring.split() if "`" in word}
    unknown = {name for name in named if name.endswith((".py", "/")) and name not in modules | folders}
    assert {name for name in unknown if "ofa_tf/" not in name} == set()


@every_folder
def test_a_folder_exports_what_others_use(folder: Path) -> None:
    face = importlib.import_module(_dotted(folder))
    exported = set(getattr(face, "__all__", ()))
    assert _used_by_others(folder) <= exported
    modules = {path.stem for path in folder.glob("*.py")}
    for name in exported:
        value = getattr(face, name)
        assert isinstance(value, types.ModuleType) == (name in modules)


def test_every_public_name_is_there() -> None:
    assert {"open_run", "register_search_space", "to_tflite", "train"} <= set(ofa_tf.__all__)
    for name in ofa_tf.__all__:
        assert getattr(ofa_tf, name) is not None
    with pytest.raises(AttributeError, match="unheard_of"):
        _ = ofa_tf.unheard_of


def test_no_module_has_the_name_of_one_of_the_standard_library() -> None:
    names = {path.stem for path in PACKAGE.rglob("*.py")} | {folder.name for folder in FOLDERS}
    # `search`, `data` and the like are no modules of the standard library; `space.registry` and the like neither.
    assert names & sys.stdlib_module_names == {"__init__"} & sys.stdlib_module_names


def test_importing_the_package_and_its_faces_loads_neither_tensorflow_nor_keras() -> None:
    faces = ", ".join(_dotted(folder) for folder in FOLDERS)
    program = f"import sys; import ofa_tf, {faces}; sys.exit(bool({{'tensorflow', 'keras'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT).returncode == 0


def test_the_space_needs_numpy_only() -> None:
    program = (
        "import sys, ofa_tf.space.presets, ofa_tf.space.costs; "
        "sys.exit(bool({'tensorflow', 'keras', 'scipy', 'sklearn', 'absl'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT).returncode == 0


def _dotted_names() -> set[str]:
    """Names such as `ofa_tf.base.files` in code, texts and documents, files such as `ofa_tf.egg-info` left out."""
    paths = [*PACKAGE.rglob("*.py"), *(ROOT / "tools").glob("*.py"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]
    names = set()
    for path in paths:
        names |= set(re.findall(r"(?<![\w/.])ofa_tf(?:\.\w+)+(?![-\w])", path.read_text(encoding="utf-8")))
    return names


def _is_there(dotted: str) -> bool:
    module, _, name = dotted.rpartition(".")
    if importlib.util.find_spec(module) is None:
        return False
    return hasattr(importlib.import_module(module), name) or importlib.util.find_spec(dotted) is not None


def test_every_dotted_name_in_code_and_documents_is_there() -> None:
    names = _dotted_names()
    assert len(names) > 50
    assert [name for name in sorted(names) if not _is_there(name)] == []
