"""Measures how dense Python code is: tokens a line, comprehensions, comments, long functions, files per folder.

A number by itself says little. Beside those of a package that one likes to read, it shows where code
differs from it. Sources are folders, or packages by their importable names, which are found but not imported.

Example:
    python tools/measure_style.py --sources=ofa_tf,keras.src.layers,tensorflow_datasets.core
"""

import ast
import dataclasses
import importlib.util
import io
import statistics
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line
from ofa_tf.base.errors import InputError

_SOURCES = flags.DEFINE_list("sources", ["ofa_tf"], "Folders, or importable names of packages.")
_INCLUDE_TESTS = flags.DEFINE_boolean("include_tests", False, "Count files of tests, too.")

_LONG = 40  # lines of a function, without its docstring
_VERY_LONG = 80

_NO_CODE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}
# Python 3.12 and later divide an f-string into tokens; here it is one, as it was before.
_FSTRING_START = getattr(tokenize, "FSTRING_START", None)
_FSTRING_END = getattr(tokenize, "FSTRING_END", None)

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

Position = tuple[int, int]  # line and column


@dataclasses.dataclass(frozen=True)
class Style:
    """What was counted in some files.

    Args:
        num_files: Number of files.
        num_lines: All lines, with blank ones, comments and docstrings.
        tokens: Tokens of each line of code. A line of code is one on which a token
            starts that is neither a comment nor a docstring.
        num_comments: Comments, also those behind code; without the ones before a
            module's first statement, where licenses stand.
        num_comprehensions: List, set and dict comprehensions and generators.
        num_conditionals: Conditional expressions (`a if b else c`).
        function_lines: Lines of each function, without its docstring.
    """

    num_files: int = 0
    num_lines: int = 0
    tokens: tuple[int, ...] = ()
    num_comments: int = 0
    num_comprehensions: int = 0
    num_conditionals: int = 0
    function_lines: tuple[int, ...] = ()

    def __add__(self, other: "Style") -> "Style":
        sums = {}
        for field in dataclasses.fields(self):
            ours = getattr(self, field.name)
            theirs = getattr(other, field.name)
            sums[field.name] = ours + theirs
        return Style(**sums)

    def per_100_lines(self, count: int) -> float:
        """A count as a share of the lines of code, per 100."""
        return 100 * count / max(1, len(self.tokens))


def measure_code(code: str) -> Style:
    """Count one module.

    Args:
        code: Its source.

    Raises:
        SyntaxError: If it is no Python.
    """
    tree = ast.parse(code)
    nodes = list(ast.walk(tree))
    docstrings = _docstring_starts(nodes)
    first_line = tree.body[0].lineno if tree.body else 0

    tokens_on_line: Counter[int] = Counter()
    num_comments = 0
    for token in _tokens(code):
        if token.type == tokenize.COMMENT and token.start[0] >= first_line:
            num_comments += 1
        if token.type not in _NO_CODE and token.start not in docstrings:
            tokens_on_line[token.start[0]] += 1

    functions = [node for node in nodes if isinstance(node, _Function)]
    comprehensions = [node for node in nodes if isinstance(node, _COMPREHENSIONS)]
    conditionals = [node for node in nodes if isinstance(node, ast.IfExp)]
    return Style(
        num_files=1,
        num_lines=len(code.splitlines()),
        tokens=tuple(tokens_on_line.values()),
        num_comments=num_comments,
        num_comprehensions=len(comprehensions),
        num_conditionals=len(conditionals),
        function_lines=tuple(_num_lines(function) for function in functions),
    )


def find_files(folder: Path, include_tests: bool = False) -> list[Path]:
    """The Python files of a folder and its sub-folders, sorted."""
    files = sorted(folder.rglob("*.py"))
    if include_tests:
        return files
    return [file for file in files if not _is_test(file.relative_to(folder))]


def find_folder(source: str) -> Path:
    """The folder of a source, without importing anything.

    Args:
        source: A folder, or the importable name of a package.

    Raises:
        InputError: If there is neither.
    """
    folder = Path(source)
    if folder.is_dir():
        return folder
    top, *inner = source.split(".")
    spec = importlib.util.find_spec(top) if top.isidentifier() else None
    for place in (spec and spec.submodule_search_locations) or []:
        folder = Path(place, *inner)
        if folder.is_dir():
            return folder
    raise InputError(
        f"Expected --sources to be folders or names of installed packages. Received: {source!r}. "
        "Give the path of a folder, or a name such as keras.src.layers."
    )


def describe(folder: Path, include_tests: bool = False) -> dict[str, str]:
    """Measures of a folder, by their names.

    Raises:
        InputError: If it holds no Python file.
    """
    files = find_files(folder, include_tests)
    if not files:
        raise InputError(f"Expected a folder with Python files. Received: {folder}. Name another one.")
    style = Style()
    for file in files:
        style += measure_code(file.read_text(encoding="utf-8"))
    tokens = style.tokens or (0,)
    long_functions = [lines for lines in style.function_lines if lines > _LONG]
    very_long_functions = [lines for lines in style.function_lines if lines > _VERY_LONG]
    files_in = Counter(file.parent for file in files)
    at_the_root = [file for file in folder.glob("*.py") if file in files and file.name != "__init__.py"]
    return {
        "files": f"{style.num_files:,}",
        "lines": f"{style.num_lines:,}",
        "lines of code": f"{len(style.tokens):,}",
        "tokens a line of code, median": f"{statistics.median(tokens):g}",
        "tokens a line of code, mean": f"{statistics.fmean(tokens):.1f}",
        "comments per 100 lines of code": f"{style.per_100_lines(style.num_comments):.1f}",
        "comprehensions per 100 lines": f"{style.per_100_lines(style.num_comprehensions):.1f}",
        "conditional expressions per 100 lines": f"{style.per_100_lines(style.num_conditionals):.1f}",
        f"functions above {_LONG} lines": f"{len(long_functions)}",
        f"functions above {_VERY_LONG} lines": f"{len(very_long_functions)}",
        "functions": f"{len(style.function_lines):,}",
        "modules at the root": f"{len(at_the_root)}",
        "folders": f"{len(files_in)}",
        "files per folder, mean": f"{statistics.fmean(files_in.values()):.1f}",
        "files per folder, most": f"{max(files_in.values())}",
    }


def table(columns: dict[str, dict[str, str]]) -> str:
    """A Markdown table with a column a source.

    Args:
        columns: Measures of each source.
    """
    measures = list(next(iter(columns.values())))
    cells = [["", *measures]]
    for source, column in columns.items():
        cells.append([source, *(column[measure] for measure in measures)])

    aligned = []
    for index, column_cells in enumerate(cells):
        width = max(len(cell) for cell in column_cells)
        aligned.append(_align(column_cells, width, is_left=index == 0))
    rows = zip(*aligned, strict=True)
    return "\n".join(f"|{'|'.join(row)}|" for row in rows)


def main(argv: Sequence[str]) -> None:
    del argv
    columns = {}
    for source in _SOURCES.value:
        columns[source] = describe(find_folder(source), _INCLUDE_TESTS.value)
    print(table(columns))


def _align(cells: Sequence[str], width: int, is_left: bool) -> list[str]:
    """The cells of a column, of one width, with the rule below the first."""
    if is_left:
        lines = [f" {cell:<{width}} " for cell in cells]
        rule = "-" * (width + 2)
    else:
        lines = [f" {cell:>{width}} " for cell in cells]
        rule = "-" * (width + 1) + ":"
    return [lines[0], rule, *lines[1:]]


def _is_test(path: Path) -> bool:
    """Whether a file, relative to its package, belongs to tests."""
    name = path.stem
    if name == "conftest" or "tests" in path.parts:
        return True
    return name.startswith("test_") or name.endswith("_test")


def _tokens(code: str) -> Iterator[tokenize.TokenInfo]:
    """The tokens of a module, each f-string as one."""
    depth = 0  # of f-strings inside f-strings
    read_line: Callable[[], str] = io.StringIO(code).readline
    for token in tokenize.generate_tokens(read_line):
        if token.type == _FSTRING_END:
            depth -= 1
            continue
        if depth == 0:
            yield token
        if token.type == _FSTRING_START:
            depth += 1


def _docstring_starts(nodes: Sequence[ast.AST]) -> set[Position]:
    """Where docstrings begin."""
    starts = set()
    for node in nodes:
        docstring = _docstring(node)
        if docstring is not None:
            starts.add((docstring.lineno, docstring.col_offset))
    return starts


def _docstring(node: ast.AST) -> ast.Expr | None:
    """The statement that is the docstring of a module, class or function."""
    if not isinstance(node, ast.Module | ast.ClassDef | _Function):
        return None
    if ast.get_docstring(node, clean=False) is None:
        return None
    first = node.body[0]
    return first if isinstance(first, ast.Expr) else None


def _num_lines(function: _Function) -> int:
    """Lines of a function from its `def` on, without its docstring."""
    num_lines = _span(function)
    docstring = _docstring(function)
    if docstring is not None:
        num_lines -= _span(docstring)
    return num_lines


def _span(node: ast.stmt) -> int:
    last = node.end_lineno or node.lineno
    return last - node.lineno + 1


if __name__ == "__main__":
    command_line.run(main)
