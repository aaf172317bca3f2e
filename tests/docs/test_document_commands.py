"""That no command of a document is forgotten by those who run them all (`make docs-commands`)."""

from pathlib import Path

import pytest

from tests.support import document_commands
from tests.support.document_commands import Command, collect, documents_in_order, plan
from tests.support.documents import Document
from tests.support.repository import ROOT


def _collect(text: str) -> list[Command]:
    return collect(Document(ROOT / "docs" / "draft.md", text))


def _planned(text: str) -> str:
    planned = plan(Command("draft.md", 1, text))
    assert planned is not None
    return planned.text


@pytest.mark.parametrize("path", documents_in_order(), ids=lambda path: str(path.relative_to(ROOT)))
def test_there_is_a_rule_for_every_command_of_a_document(path: Path) -> None:
    unknown = [command for command in collect(Document.read(path)) if plan(command) is None]
    assert unknown == []


def test_the_documents_are_those_that_users_read_in_the_order_of_the_table_of_contents() -> None:
    names = [path.relative_to(ROOT).as_posix() for path in documents_in_order()]
    assert names[0] == "README.md"
    assert names.index("docs/searching.md") < names.index("docs/report.md") < names.index("docs/extending.md")
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= {Path(name).name for name in names}
    assert not any("decisions" in name for name in names)


def test_the_commands_of_the_readme_are_found() -> None:
    commands = collect(Document.read(ROOT / "README.md"))
    assert any(command.text.startswith("make quickstart") for command in commands)
    assert sum(command.is_python for command in commands) == 1


def test_commands_are_told_from_what_they_print() -> None:
    commands = _collect(
        """
Run

    python tools/search.py --workdir=runs/a \\
        --front  # a comment

    LEVEL=3 python train_main.py

which prints

    found: 36 px
    Next: python tools/to_tflite.py

```bash
unheard_of --flag
```

```
make lint
```

```text
make believe
```
"""
    )
    assert [(command.number, command.text) for command in commands] == [
        (4, "python tools/search.py --workdir=runs/a --front"),
        (7, "LEVEL=3 python train_main.py"),
        (15, "unheard_of --flag"),
        (19, "make lint"),
    ]


def test_the_python_code_of_a_document_is_one_program_but_for_files() -> None:
    commands = _collect(
        """
    make quickstart

    and this is no code

```python
import ofa_tf

number = 1
```

    print(number)

```python
ofa_tf.SearchSpace(name="my_space")
```

```kotlin
import android.graphics.Bitmap
```
"""
    )
    (code, file) = [command for command in commands if command.is_python]
    assert (code.number, code.text) == (7, "import ofa_tf\n\nnumber = 1\n\nprint(number)")
    assert (file.number, file.text) == (15, 'ofa_tf.SearchSpace(name="my_space")')
    planned = plan(file)
    assert planned is not None
    assert planned.save_as == "my_space.py"


def test_a_call_of_another_program_is_no_part_of_the_documents() -> None:
    call = "ofa_tf.calibrate_batch_norm(supernet, batches, arch=arch)"
    commands = _collect(f"```python\n{call}\n```\n\n```python\nimport ofa_tf\n```\n")
    assert [command.text for command in commands] == [call, "import ofa_tf"]
    planned = plan(commands[0])
    assert planned is not None
    assert planned.skip


def test_a_rule_sets_flags_in_place_of_the_commands_own() -> None:
    planned = _planned("python tools/build_accuracy_table.py --num_archs=1000 --shard=1/2")
    assert planned == "python tools/build_accuracy_table.py --num_archs=12 --shard=1/2"
    assert _planned("python tools/finetune.py --arch=max").endswith("--arch=max --epochs=1")


def test_latency_limits_are_such_that_any_network_keeps_them() -> None:
    planned = _planned("python tools/search.py --max_latency_ms=0.1,0.25 --confidence=0.9")
    assert "--max_latency_ms=101,1025 --confidence=0.5" in planned
    assert "Limits(latency_ms=105)" in _planned("import ofa_tf\nofa_tf.Limits(latency_ms=0.5)")


def test_make_quickstart_is_the_program_that_it_runs_in_little_time() -> None:
    planned = plan(Command("draft.md", 1, "make quickstart"))
    assert planned is not None
    assert planned.is_new_run
    assert planned.text.startswith("python tools/quickstart.py --flagfile=flags/quickstart.cfg --workdir=runs/")
    for flag in ("--epochs_scale=0.01", "--num_archs=10", "--space=small", "--dataset=folder:PHOTOS"):
        assert flag in planned.text.split()


def test_a_training_that_goes_on_keeps_what_is_there() -> None:
    begins = plan(Command("draft.md", 1, "python train_main.py --phase=all"))
    goes_on = plan(Command("draft.md", 1, "python train_main.py --phase=all --resume"))
    assert begins is not None
    assert goes_on is not None
    assert (begins.is_new_run, goes_on.is_new_run) == (True, False)


def test_what_is_not_run_says_why() -> None:
    planned = plan(Command("draft.md", 1, "python tools/benchmark.py --model=a.tflite --device=adb:SERIAL"))
    assert planned is not None
    assert planned.skip == "needs a phone"


def test_a_command_without_a_rule_is_found() -> None:
    (command,) = _collect("```bash\nunheard_of --flag\n```")
    assert plan(command) is None


def test_each_rule_says_either_why_or_how() -> None:
    for rule in document_commands.RULES:
        does_something = bool(rule.flags or rule.replace or rule.is_new_run or rule.save_as)
        assert not (rule.skip and does_something), rule.pattern
