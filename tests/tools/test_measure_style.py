import textwrap
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from tests.support.repository import ROOT
from tools.measure_style import Style, describe, find_files, find_folder, measure_code, table

_MODULE = '''# A license.

"""What the module is for,
in two lines."""

import os  # noqa: what the system knows


class Greeter:
    """Greets."""

    # Why there is a function.
    def greet(self, names: list) -> str:
        """One line."""

        text = f"{len(names)} names: {names!r}"
        shown = [name for name in names if name] if names else []
        return text + "".join(f"{name}" for name in shown)
'''

# Its lines of code, with blanks between tokens and a word for each string.
_TOKENS = """\
import os
class Greeter :
def greet ( self , names : list ) -> str :
text = f-string
shown = [ name for name in names if name ] if names else [ ]
return text + string . join ( f-string for name in shown )
"""


def test_a_module_is_counted_as_by_hand() -> None:
    style = measure_code(_MODULE)
    assert style.num_lines == 18
    assert style.tokens == tuple(len(line.split()) for line in _TOKENS.splitlines())
    assert style.num_comments == 2  # the license is none
    assert style.num_comprehensions == 2
    assert style.num_conditionals == 1
    assert style.function_lines == (5,)  # of six, one is the docstring


def test_docstrings_count_nowhere_but_other_strings_do() -> None:
    documented = measure_code('def f():\n    """Says\n    why."""\n    return "a"\n')
    assert documented.tokens == (5, 2)
    assert documented.function_lines == (2,)
    assert measure_code('x = 1\n"no docstring"\n').tokens == (3, 1)


def test_styles_of_files_add_up() -> None:
    total = measure_code("a = 1\n") + measure_code("b = 2 if a else 3\n") + Style()
    assert (total.num_files, total.tokens, total.num_conditionals) == (2, (3, 7), 1)
    assert total.per_100_lines(total.num_conditionals) == 50
    assert Style().per_100_lines(0) == 0


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, num_lines in {"__init__.py": 0, "a.py": 82, "in/b.py": 42, "in/c_test.py": 1, "tests/d.py": 1}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        body = textwrap.indent("pass\n" * (num_lines - 1), "    ")
        path.write_text("def f():\n" + body if num_lines > 1 else "")
    return tmp_path


def test_files_of_tests_are_left_out_unless_asked_for(package: Path) -> None:
    assert [file.name for file in find_files(package)] == ["__init__.py", "a.py", "b.py"]
    assert len(find_files(package, include_tests=True)) == 5
    inside_tests = find_files(package / "tests")  # asked for by its name
    assert [file.name for file in inside_tests] == ["d.py"]


def test_a_folder_is_described_by_its_functions_and_files(package: Path) -> None:
    measures = describe(package)
    assert measures["files"] == "3"
    assert measures["functions above 40 lines"] == "2"
    assert measures["functions above 80 lines"] == "1"
    assert measures["modules at the root"] == "1"
    assert measures["files per folder, most"] == "2"
    assert measures["tokens a line of code, median"] == "1"


def test_a_table_has_a_column_a_source() -> None:
    assert table({"a": {"files": "1"}, "other": {"files": "22"}}).splitlines() == [
        "|       | a | other |",
        "|-------|--:|------:|",
        "| files | 1 |    22 |",
    ]


def test_sources_are_folders_or_packages() -> None:
    assert find_folder(str(ROOT / "tools")) == ROOT / "tools"
    assert (find_folder("absl.flags") / "_flag.py").exists()
    for wrong in ("absl.no_such", "no_such_package", "no/such/folder"):
        with pytest.raises(InputError, match=f"Received: '{wrong}'"):
            find_folder(wrong)


def test_a_folder_without_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="with Python files"):
        describe(tmp_path)
