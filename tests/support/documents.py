"""Reads the project's documents, and what they may name: targets of the Makefile, and the flags of programs."""

import ast
import dataclasses
import functools
import importlib
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from absl import flags

from tests.support.repository import ROOT
from tools.draw_imports import find_programs, reachable, read_imports, read_program_imports

_FOLDERS = ("docs", "flags", "ofa_tf", "tests", "tools")  # that may hold documents, besides the root
_FENCE = re.compile(r"\s*```\s*([\w+-]*)")
_INLINE_CODE = re.compile(r"`([^`]+)`")
# Of the flags that absl gives to every program, those that documents may name.
_ABSL_FLAGS = frozenset({"flagfile", "help", "helpfull", "helpshort", "verbosity"})


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a document."""

    number: int
    text: str


@dataclasses.dataclass(frozen=True)
class CodeBlock:
    """Lines of code that stand together.

    Args:
        language: What the fence says; empty for an indented block, and for a fence that says nothing.
        lines: The lines, without blank ones.
    """

    language: str
    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """The code, without the indentation of the block, with the blank lines between its lines."""
        texts = []
        for line in self.lines:
            first = self.lines[0].number
            texts += [""] * (line.number - first - len(texts))
            texts.append(line.text)
        return textwrap.dedent("\n".join(texts))


@dataclasses.dataclass(frozen=True)
class Document:
    """A Markdown file, divided into code blocks, tables and prose.

    A code block is fenced, or indented by four blanks or more behind a blank line.

    Args:
        path: Where it lies, or would lie.
        text: Its content.
    """

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> "Document":
        return cls(path, path.read_text(encoding="utf-8"))

    @functools.cached_property
    def code(self) -> list[Line]:
        """Lines of code blocks."""
        return [line for line, kind in self._kinds if kind == "code"]

    @functools.cached_property
    def tables(self) -> list[Line]:
        """Lines of tables."""
        return [line for line, kind in self._kinds if kind == "table"]

    @functools.cached_property
    def prose(self) -> list[Line]:
        """All other lines, also headings and blank ones."""
        return [line for line, kind in self._kinds if kind == "prose"]

    @functools.cached_property
    def inline_code(self) -> list[Line]:
        """What stands between backticks outside of code blocks, each with the number of its line."""
        found = []
        for line in [*self.prose, *self.tables]:
            found += [Line(line.number, code) for code in _INLINE_CODE.findall(line.text)]
        return found

    @functools.cached_property
    def snippets(self) -> list[Line]:
        """All code: inline code, and lines of code blocks without their comments; a backslash continues a line."""
        lines = []
        start, text = 0, ""
        for line in self.code:
            start = start if text else line.number
            text += line.text
            if text.endswith("\\"):
                text = text.removesuffix("\\")
                continue
            without_comment = re.sub(r"(^|\s)#.*", "", text)
            lines.append(Line(start, without_comment.strip()))
            text = ""
        return [*lines, *self.inline_code]

    @functools.cached_property
    def code_blocks(self) -> list[CodeBlock]:
        """The code blocks, in order."""
        blocks = []
        language = ""
        lines: list[Line] = []
        for line, kind in [*self._kinds, (Line(0, ""), "prose")]:
            if kind == "code":
                lines.append(line)
                continue
            # Blank lines inside of a block count as prose.
            if kind == "prose" and not line.text.strip() and line.number > 0:
                continue
            if lines:
                blocks.append(CodeBlock(language, tuple(lines)))
                lines = []
            language = ""
            if kind == "fence":
                language = _language(line)
        return blocks

    @functools.cached_property
    def _kinds(self) -> list[tuple[Line, str]]:
        kinds = []
        is_fenced = is_code = False
        previous = ""
        for number, text in enumerate(self.text.splitlines(), start=1):
            is_fence = _FENCE.match(text) is not None
            is_indented = text.startswith("    ") and (is_code or not previous.strip())
            is_code = is_fenced or is_indented or (is_code and not text.strip())
            if is_fence:
                kind = "fence"
                is_fenced = not is_fenced
                is_code = False
            elif is_code and text.strip():
                kind = "code"
            elif text.startswith("|"):
                kind = "table"
            else:
                kind = "prose"
            kinds.append((Line(number, text), kind))
            previous = text
        return kinds


def _language(fence: Line) -> str:
    match = _FENCE.match(fence.text)
    return "" if match is None else match[1]


def all_documents() -> list[Path]:
    """The project's Markdown files, sorted."""
    found = list(ROOT.glob("*.md"))
    for folder in _FOLDERS:
        found += (ROOT / folder).rglob("*.md")
    return sorted(found)


@functools.cache
def make_targets() -> frozenset[str]:
    """The targets of the Makefile that have names."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


@functools.cache
def programs() -> tuple[str, ...]:
    """Paths of the programs with flags, from the root."""
    paths = find_programs(ROOT)
    return tuple(path.relative_to(ROOT).as_posix() for path in paths)


@functools.cache
def program_flags(program: str) -> frozenset[str]:
    """The flags that a program knows, without running it.

    These are the flags that `DEFINE_...` and `define_in_group` name in its source and in those of the
    modules that it imports, directly or not; and those of functions `define_...`
    of modules that it calls, which are called here.
    """
    path = ROOT / program
    package = _package_imports()
    direct = read_program_imports([path], package)
    reached = reachable(package)
    modules = set(direct)
    for module in direct:
        modules |= reached[module]

    found = set(_ABSL_FLAGS) | _flags_in(path)
    for module in modules:
        found |= _flags_in(_source(module))
    for function in _calls_of_define(path):
        for module in direct:
            found |= _flags_of_function(module, function)
    return frozenset(found)


@functools.cache
def all_flags() -> frozenset[str]:
    """The flags of all programs."""
    found: set[str] = set()
    for program in programs():
        found |= program_flags(program)
    return frozenset(found)


@functools.cache
def _package_imports() -> dict[str, set[str]]:
    return read_imports(ROOT / "ofa_tf")


def _source(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """The calls in a file, with the last part of the function's name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute):
            yield node.func.attr, node
        elif isinstance(node.func, ast.Name):
            yield node.func.id, node


@functools.cache
def _flags_in(path: Path) -> frozenset[str]:
    found = set()
    for name, call in _calls(path):
        arguments = call.args
        if name == "define_in_group":
            arguments = arguments[2:]  # behind the group and absl's function
        elif not name.startswith("DEFINE_"):
            continue
        if arguments and isinstance(arguments[0], ast.Constant):
            found.add(str(arguments[0].value))
    return frozenset(found)


def _calls_of_define(path: Path) -> set[str]:
    return {name for name, _ in _calls(path) if name.startswith("define_")}


def _flags_of_function(module: str, function: str) -> set[str]:
    """The flags that a function of a module defines when it is called."""
    if f"def {function}(" not in _source(module).read_text(encoding="utf-8"):
        return set()
    values = flags.FlagValues()
    getattr(importlib.import_module(module), function)(values)
    return set(values)
