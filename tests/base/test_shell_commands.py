import ast
import re
import shlex

import pytest
from absl import flags

from ofa_tf.base import shell_commands
from ofa_tf.base.plugin_flags import define_plugins_flag, plugins_of_program
from ofa_tf.base.shell_commands import shell_command
from tests.support.repository import ROOT


def test_a_command_is_quoted_and_has_the_plugins_that_this_program_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell_commands, "plugins_of_program", lambda: ("a.py", "b c.py"))
    words = ["python", "tools/search.py", "--plugins=a.py,b c.py", "--workdir=it's; here"]
    assert shlex.split(shell_command("tools/search.py", "--workdir=it's; here")) == words
    assert shell_command("tools/search.py", "--seed=1", plugins=()) == "python tools/search.py --seed=1"
    assert shell_command("x.py", plugins=["y.py"]) == "python x.py --plugins=y.py"


def test_the_plugins_of_a_program_are_those_of_its_flag() -> None:
    assert plugins_of_program() == ()  # no program has parsed its flags
    values = flags.FlagValues()
    assert plugins_of_program(values) == ()
    define_plugins_flag(values)
    assert plugins_of_program(values) == ()
    values(["program", "--plugins=a.py,b.py"])
    assert plugins_of_program(values) == ("a.py", "b.py")


def _texts_with_values(source: str) -> list[str]:
    """The f-strings of a source file, with {} for each value."""
    texts = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
            texts.append("".join(parts))
    return texts


def test_no_message_puts_paths_into_a_command_unquoted() -> None:
    sources = [ROOT / "train_main.py", *(ROOT / "tools").glob("*.py"), *(ROOT / "ofa_tf").rglob("*.py")]
    unquoted = []
    for path in sources:
        for text in _texts_with_values(path.read_text()):
            if re.search(r"python (train_main|tools/\w+)\.py.*\{\}", text):
                unquoted.append(f"{path}: {text}")
    assert len(sources) > 200
    assert not unquoted
