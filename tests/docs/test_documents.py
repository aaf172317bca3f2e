"""Keeps the documents true: what they name exists, and what they promise of themselves holds.

Every check is a function that lists what is wrong with a document. Each is tested twice: no document of
the project has a fault, and one that was written with a fault is caught.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ofa_tf
from tests.support.documents import Document, Line, all_documents, all_flags, make_targets, program_flags, programs
from tests.support.repository import ROOT
from tools.draw_imports import imports_between_folders, read_imports

Check = Callable[[Document], Iterator[str]]

# Lines of prose, headings and lists end here. Tables and code blocks may be longer, and so may lines that
# a link's target makes longer: they cannot be wrapped.
_MAX_LINE_LENGTH = 120

_MAX_NOTES_LINES = 150
_MAX_DECISION_LINES = 80
_DECISIONS = ROOT / "docs" / "decisions"

# Flags of other programs that documents name without their program.
_FOREIGN_FLAGS = {"dist": "pytest-xdist"}

# The target of a link, or of an image.
_LINK = re.compile(r"\]\(([^)\s]+)\)")

# `make` with its targets and variables: make lint test, make install PYTHON=python3.12.
_MAKE = re.compile(r"(?:^|[\s;&])make((?:\s+[A-Z_]+=\S+|\s+[a-z][a-z-]*)+)")

# A program of the project with its arguments, up to the end of the command.
_PROGRAM = re.compile(r"(?<![\w/.])((?:tools/\w+|train_main)\.py)((?:\s+[^\s;|&]+)*)")
_FLAG = re.compile(r"(?<!\S)--(\w+)")
_OTHER_COMMAND = re.compile(r"^(?:pip|git|ruff|mypy|apt|apt-get|adb|pytest|tensorboard|(?:\S*/)?python[\d.]*\s+-m)\s")

# A path from the root of the repository, and the name of a file without its folder.
_PATH = re.compile(r"(?<![\w/.-])((?:docs|flags|ofa_tf|tests|tools)/[\w./-]*)")
_FILE_NAME = re.compile(r"[\w-]+\.(?:py|md|cfg|toml)")
_READERS_OWN = "my_"  # what a reader is about to write is called so, and need not exist

_PUBLIC_NAME = re.compile(r"(?<![\w/.-])ofa_tf\.(\w+)")


# --- the checks --------------------------------------------------------------


def check_make_targets(document: Document) -> Iterator[str]:
    """Each `make X` is a target of the Makefile."""
    for snippet in document.snippets:
        for words in _MAKE.findall(snippet.text):
            targets = [word for word in words.split() if "=" not in word]
            for target in targets:
                if target not in make_targets():
                    yield _at(document, snippet, f"the Makefile has no target {target}")


def check_programs_and_flags(document: Document) -> Iterator[str]:
    """Each program exists, and has the flags that stand behind it; flags by themselves are of some program."""
    for snippet in document.snippets:
        for program, arguments in _PROGRAM.findall(snippet.text):
            if program not in programs():
                yield _at(document, snippet, f"there is no {program}")
                continue
            for flag in _unknown(arguments, program_flags(program)):
                yield _at(document, snippet, f"{program} has no flag --{flag}")

    known = all_flags() | _FOREIGN_FLAGS.keys()
    for snippet in document.inline_code:
        if _PROGRAM.search(snippet.text) or _OTHER_COMMAND.match(snippet.text):
            continue
        for flag in _unknown(snippet.text, known):
            yield _at(document, snippet, f"no program has a flag --{flag}")


def check_paths(document: Document) -> Iterator[str]:
    """Each path in code exists, and each file that is named without its folder exists somewhere."""
    for snippet in document.snippets:
        for path in _PATH.findall(snippet.text):
            is_exempt = "..." in path or Path(path).name.startswith(_READERS_OWN)
            if not is_exempt and not (ROOT / path.rstrip(".")).exists():
                yield _at(document, snippet, f"there is no {path}")
    for snippet in document.inline_code:
        name = snippet.text
        if not _FILE_NAME.fullmatch(name) or name.startswith(_READERS_OWN):
            continue
        if name not in _file_names():
            yield _at(document, snippet, f"no file is called {name}")


def check_links(document: Document) -> Iterator[str]:
    """Each relative link leads to a file, and to a heading if it names one."""
    for line in [*document.prose, *document.tables]:
        for link in _LINK.findall(line.text):
            if re.match(r"[a-z]+:", link):
                continue
            place, _, heading = link.partition("#")
            target = document.path.parent / place
            if place and not target.exists():
                yield _at(document, line, f"the link {link} leads nowhere")
            elif heading:
                linked = Document.read(target) if place else document
                if heading not in _headings(linked):
                    yield _at(document, line, f"{link} has no such heading")


def check_line_lengths(document: Document) -> Iterator[str]:
    """No line of prose is too long, but for the targets of links."""
    for line in document.prose:
        length = len(_LINK.sub("]()", line.text))
        if length > _MAX_LINE_LENGTH:
            yield _at(document, line, f"{length} characters, at most {_MAX_LINE_LENGTH}")


def check_public_names(document: Document) -> Iterator[str]:
    """`ofa_tf.X` in code is a public name, or a folder of the package."""
    known = {*ofa_tf.__all__, "__version__"}
    known |= {path.name for path in (ROOT / "ofa_tf").iterdir() if path.is_dir()}
    for snippet in document.snippets:
        for name in _PUBLIC_NAME.findall(snippet.text):
            if name not in known:
                yield _at(document, snippet, f"ofa_tf has no public name {name}")


CHECKS: list[Check] = [
    check_make_targets,
    check_programs_and_flags,
    check_paths,
    check_links,
    check_line_lengths,
    check_public_names,
]


def _at(document: Document, line: Line, fault: str) -> str:
    return f"{document.path.name}:{line.number}: {fault}"


def _unknown(text: str, known: set[str] | frozenset[str]) -> list[str]:
    """The flags in a text that are none; `--nodownload` is a flag if `--download` is one."""
    unknown = []
    for flag in _FLAG.findall(text):
        if flag not in known and flag.removeprefix("no") not in known:
            unknown.append(flag)
    return unknown


def _headings(document: Document) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    anchors = set()
    for line in document.prose:
        if line.text.startswith("#"):
            title = re.sub(r"[^\w\s-]", "", line.text.lstrip("#").strip().lower())
            anchors.add(title.replace(" ", "-"))
    return anchors


def _file_names() -> set[str]:
    names = {path.name for path in ROOT.iterdir() if path.is_file()}
    for folder in ("docs", "flags", "ofa_tf", "tests", "tools"):
        names |= {path.name for path in (ROOT / folder).rglob("*.*")}
    return names


# --- the project's documents --------------------------------------------------


@pytest.mark.parametrize("path", all_documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_is_true(path: Path) -> None:
    document = Document.read(path)
    faults = []
    for check in CHECKS:
        faults += check(document)
    assert faults == []


@pytest.mark.parametrize("program", programs())
def test_the_example_of_a_program_is_true(program: str) -> None:
    path = ROOT / program
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    # What stands under "Example:" is indented there, but no code block by Markdown's rules.
    document = Document(path, re.sub(r"(Examples?:)\n", r"\1\n\n", docstring))
    assert any(program in line.text for line in document.snippets)
    assert [*check_programs_and_flags(document), *check_paths(document)] == []


@pytest.mark.parametrize("recipe", sorted((ROOT / "flags").glob("*.cfg")), ids=lambda path: path.name)
def test_the_commands_of_a_recipe_are_true(recipe: Path) -> None:
    lines = recipe.read_text(encoding="utf-8").splitlines()
    comments = [f"    {line.removeprefix('#').strip()}" for line in lines if line.startswith("#")]
    document = Document(recipe, "\n".join(comments))
    faults = [*check_make_targets(document), *check_programs_and_flags(document), *check_paths(document)]
    assert faults == []
    settings = [line for line in lines if line.startswith("--")]
    (program,) = (name for name in programs() if f"python {name} " in lines[0])
    assert _unknown("\n".join(settings), program_flags(program)) == []


def test_all_documents_are_found() -> None:
    names = {str(path.relative_to(ROOT)) for path in all_documents()}
    assert {"README.md", "CONTRIBUTING.md", "BUILD_NOTES.md", "docs/decisions/README.md"} <= names


def test_contributing_lists_the_folders_in_the_order_of_their_imports() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = re.findall(r"^      (\w+)/ ", text, re.MULTILINE)
    imports = imports_between_folders(read_imports(ROOT / "ofa_tf"))
    assert sorted(listed) == sorted(imports)
    for folder, targets in imports.items():
        below = listed[listed.index(folder) :]
        assert targets <= set(below), folder


def test_the_build_notes_are_short() -> None:
    lines = (ROOT / "BUILD_NOTES.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= _MAX_NOTES_LINES
    assert max(len(line) for line in lines) <= _MAX_LINE_LENGTH  # tables, too


def test_the_index_names_every_decision_once_and_in_order() -> None:
    records = sorted(path.name for path in _DECISIONS.glob("[0-9]*.md"))
    index = (_DECISIONS / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"\]\((\d{3}-[\w-]+\.md)\)", index)
    assert sorted(linked) == records
    assert [int(name[:3]) for name in records] == list(range(1, len(records) + 1))


@pytest.mark.parametrize("path", sorted(_DECISIONS.glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_a_decision_is_short_and_has_the_headings(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= _MAX_DECISION_LINES
    assert lines[0].startswith(f"# {path.name[:3]}. ")
    headings = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    order = ["Context", "What was measured", "Decision", "Tried and dropped"]
    assert headings == [heading for heading in order if heading in headings]
    assert {"Context", "Decision"} <= set(headings)


# --- that the checks can fail ---------------------------------------------------


def _faults(check: Check, text: str) -> list[str]:
    return list(check(Document(ROOT / "docs" / "draft.md", text)))


@pytest.mark.parametrize(
    ("check", "text", "fault"),
    [
        (check_make_targets, "Run `make tests`.", "draft.md:1: the Makefile has no target tests"),
        (check_make_targets, "So:\n\n    make install PYTHON=python3 tset  # first", "no target tset"),
        (check_programs_and_flags, "    python tools/serach.py --seed=1", "there is no tools/serach.py"),
        (
            check_programs_and_flags,
            "```\npython train_main.py \\\n  --phse=all\n```",
            "train_main.py has no flag --phse",
        ),
        (check_programs_and_flags, "`tools/search.py --qat_epochs=2`", "tools/search.py has no flag --qat_epochs"),
        (check_programs_and_flags, "With `--max_latncy_ms=2`, all is well.", "no program has a flag --max_latncy_ms"),
        (check_paths, "See `ofa_tf/space/arhc.py`.", "there is no ofa_tf/space/arhc.py"),
        (check_paths, "    python train_main.py --flagfile=flags/none.cfg", "there is no flags/none.cfg"),
        (check_paths, "| a |\n|---|\n| `tests/none` |", "draft.md:3: there is no tests/none"),
        (check_paths, "In `arhc.py`.", "no file is called arhc.py"),
        (check_links, "[Why](decisions/000-none.md)", "the link decisions/000-none.md leads nowhere"),
        (check_links, "[Gaps](../BUILD_NOTES.md#known-gasp)", "has no such heading"),
        (check_links, "# Here\n\n[There](#there)", "draft.md:3: #there has no such heading"),
        (check_line_lengths, "word " * 25, "125 characters, at most 120"),
        (check_line_lengths, "[a](b.md) " + "word " * 25, "131 characters"),
        (check_public_names, "    supernet = ofa_tf.build_supernett(space)", "no public name build_supernett"),
    ],
)
def test_a_fault_is_found(check: Check, text: str, fault: str) -> None:
    (found,) = _faults(check, text)
    assert fault in found


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (check_make_targets, "These make sense of `make` and `make lint test`."),
        (check_programs_and_flags, "`train_main.py --width_2_num_subnets=3 --noinclude_smallest --flagfile=a.cfg`"),
        (
            check_programs_and_flags,
            "    pip install --upgrade pip\n    python tools/search.py --seed=1; ls --all",
        ),
        (check_programs_and_flags, "`pip install --upgrade pip` and `tools/benchmark.py --delegate=gpu`"),
        (check_paths, "`runs/mine/arch.json`, `ofa/model_zoo.py`, `tools/`, `tests/support...` and `arch.py`"),
        (check_paths, "Write `ofa_tf/space/my_block.py`, and `my_block.py`."),
        (check_links, "[a](https://example.org/b.md) [b](../README.md) [c](../BUILD_NOTES.md#known-gaps)"),
        (check_line_lengths, f"[a](https://example.org/{'b' * 200})\n\n    {'c' * 200}\n\n| {'d' * 200} |"),
        (check_public_names, "    ofa_tf.to_tflite(subnet)\n    python -m ofa_tf.devices.host.runner"),
    ],
)
def test_what_is_right_passes(check: Check, text: str) -> None:
    assert _faults(check, text) == []


def test_flags_of_programs_are_those_that_their_modules_define() -> None:
    assert {"workdir", "arch", "split", "helpshort"} <= program_flags("tools/evaluate.py")
    assert "delegate" in program_flags("tools/benchmark.py")  # of a module of flags
    assert "width_2_num_subnets" in program_flags("train_main.py")  # of a function that defines them in a loop
    assert "width_2_num_subnets" not in program_flags("tools/evaluate.py")
