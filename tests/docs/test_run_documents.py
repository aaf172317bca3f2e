"""How commands of documents are run, with commands that take no time."""

from pathlib import Path

import pytest

from tests.support import document_commands
from tests.support.document_commands import Command, Rule
from tests.support.run_documents import Outcome, Scratch

_RULES = (
    Rule(r"^sleep", skip="it takes long"),
    Rule(r"^(cat|echo|exit|ls|import)"),
    Rule(r"--workdir", is_new_run=True),
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    return Scratch(tmp_path_factory.mktemp("scratch"))


@pytest.fixture(autouse=True)
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_commands, "RULES", _RULES)


def _run(scratch: Scratch, text: str, is_python: bool = False) -> Outcome:
    return scratch.run(Command("draft.md", 7, text, is_python))


def test_a_command_runs_in_a_copy_of_the_repository(scratch: Scratch) -> None:
    assert _run(scratch, "cat README.md > copied.txt && ls tests/docs").status == "ok"
    assert not Path("copied.txt").exists()


def test_python_code_is_run_with_the_package_of_the_copy(scratch: Scratch) -> None:
    outcome = _run(scratch, "import ofa_tf\nraise SystemExit(ofa_tf.__file__)", is_python=True)
    assert outcome.status == "FAILED"
    assert "scratch" in outcome.detail


def test_a_command_that_fails_is_a_fault_and_shows_what_it_wrote(scratch: Scratch) -> None:
    outcome = _run(scratch, "echo to stderr >&2; exit 3")
    assert outcome.status == "FAILED"
    assert outcome.is_fault
    assert outcome.detail == "status 3 of: echo to stderr >&2; exit 3\nto stderr"
    assert "draft.md:7" in outcome.line()


def test_a_command_without_a_rule_is_a_fault(scratch: Scratch) -> None:
    outcome = _run(scratch, "touch none")
    assert (outcome.status, outcome.is_fault) == ("NO RULE", True)


def test_a_command_that_is_not_run_says_why_and_is_no_fault(scratch: Scratch) -> None:
    outcome = _run(scratch, "sleep 1000")
    assert not outcome.is_fault
    assert outcome.line().endswith("sleep 1000  (it takes long)")


def test_a_new_run_finds_archs_and_latencies_of_the_one_before_but_nothing_trained(scratch: Scratch) -> None:
    make = "echo; mkdir -p runs/mine/checkpoints; touch runs/mine/arch.json runs/mine/supernet.keras"
    assert _run(scratch, make).status == "ok"
    assert _run(scratch, "ls runs/mine/checkpoints runs/mine/supernet.keras").status == "ok"
    assert _run(scratch, "ls runs/mine/arch.json # --workdir=runs/mine").status == "ok"
    assert _run(scratch, "ls runs/mine/supernet.keras").status == "FAILED"
    assert _run(scratch, "ls runs/mine/checkpoints").status == "FAILED"
