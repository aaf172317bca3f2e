import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ofa_tf.base.command_line import typed_command
from tests.support.repository import ROOT

PROGRAM = '''\
"""Adds one.

Example: program.py --number=3
"""

import sys
import time

from absl import flags

from ofa_tf.base import command_line
from ofa_tf.base.distribution_flag import define_distribution_flag
from ofa_tf.base.errors import InputError

define_distribution_flag()
_NUMBER = flags.DEFINE_integer("number", None, "What to add to.", required=True)
_DEEDS = ["add", "refuse", "open", "fill", "lose", "fail", "wait", "exit"]
_DO = flags.DEFINE_enum("do", "add", _DEEDS, "What else to do.")


class UnavailableError(Exception):
    """Called like the one that TensorFlow raises when a worker is gone."""


def wait():
    try:
        print("waiting", flush=True)
        time.sleep(60)
    finally:
        print("tidied", flush=True)


def main(argv):
    if _DO.value == "refuse":
        raise InputError("Expected `number` to be small.\\n  Received: number=3.   Take less.")
    if _DO.value == "open":
        open("/no/such/file")
    if _DO.value == "fill":
        raise OSError("No room. In any way")
    if _DO.value == "lose":
        raise UnavailableError("Collective ops is aborted by: recvmsg:Connection reset by peer\\nmore")
    if _DO.value == "fail":
        {}["missing"]
    if _DO.value == "wait":
        wait()
    if _DO.value == "exit":
        sys.exit(7)
    print(_NUMBER.value + 1)


if __name__ == "__main__":
    command_line.run(main)
'''
LOST = (
    "Another worker has ended or does not answer, so this one ends, too. Earlier results are intact: start all workers "
    "again (train_main.py: with --resume, on as many as there are)."
)
UNREADABLE = "Unable to open flagfile: [Errno 2] No such file or directory: '/no.cfg' (see --helpshort)"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "program.py"
    path.write_text(PROGRAM)
    return path


def start(program: Path, *args: str) -> subprocess.Popen:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, str(program), *args]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(program: Path, *args: str) -> tuple[int, str, str]:
    process = start(program, *args)
    stdout, stderr = process.communicate(timeout=60)
    return process.returncode, stdout, stderr


def test_success_ends_with_status_0_and_silence_on_stderr(program: Path) -> None:
    assert run(program, "--number=3") == (0, "4\n", "")


@pytest.mark.parametrize(
    ("args", "status", "error"),
    [
        # A user's mistake or a failing machine: one line, however the message was broken.
        (["--do=refuse"], 1, "Expected `number` to be small. Received: number=3. Take less."),
        (["--do=open"], 1, "No such file or directory (/no/such/file). Earlier results are intact."),
        (["--do=fill"], 1, "No room. In any way. Earlier results are intact."),
        (["--do=lose", "--distribution=multiworker"], 1, LOST),
        # Wrong command lines.
        (["3", "4"], 1, "Expected only flags (--name=value). Received: 3 4. See --helpshort."),
        (["--numbre=3"], 1, "Unknown command line flag 'numbre'. Did you mean: number ? (see --helpshort)"),
        (["--number=x"], 1, "Expected --number to be an integer. Received: --number=x. See --helpshort."),
        (["--flagfile=/no.cfg"], 1, UNREADABLE),
    ],
)  # fmt: skip
def test_error_is_one_line_with_its_status(program: Path, args: list[str], status: int, error: str) -> None:
    assert run(program, "--number=3", *args) == (status, "", f"error: {error}\n")


def test_a_flagfile_does_not_undo_what_was_typed(program: Path, tmp_path: Path) -> None:
    flagfile = tmp_path / "number.cfg"
    flagfile.write_text("--number=5\n")

    assert run(program, f"--flagfile={flagfile}", "--number=3") == (0, "4\n", "")
    status, stdout, stderr = run(program, "--number=3", f"--flagfile={flagfile}")
    assert (status, stdout) == (1, "")
    assert stderr == (
        "error: Expected flags behind the flagfile that has others for them. Received: --number=3 before "
        f"--flagfile={flagfile}, which says --number=5. Put --flagfile first.\n"
    )


def test_missing_flag_is_named(program: Path) -> None:
    status, stdout, stderr = run(program)

    assert (status, stdout) == (1, "")
    assert stderr == "error: Expected --number. Received: none. --number: What to add to. See --helpshort.\n"


@pytest.mark.parametrize("flag", ["--helpshort", "--help"])
def test_asking_for_help_is_no_error(program: Path, flag: str) -> None:
    status, stdout, stderr = run(program, flag)

    assert (status, stderr) == (0, "")
    assert "Example: program.py --number=3" in stdout
    assert "--number: What to add to." in stdout


def test_defect_keeps_its_traceback(program: Path) -> None:
    status, _, stderr = run(program, "--number=3", "--do=fail")

    assert status == 1
    assert stderr.startswith("Traceback (most recent call last):")
    assert stderr.endswith("KeyError: 'missing'\n")


def test_without_other_workers_none_is_blamed(program: Path) -> None:
    _, _, stderr = run(program, "--number=3", "--do=lose")

    assert stderr.startswith("Traceback (most recent call last):")
    assert "Collective ops is aborted" in stderr.splitlines()[-2]


def test_status_that_a_program_chose_is_kept(program: Path) -> None:
    assert run(program, "--number=3", "--do=exit") == (7, "", "")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_program_tidies_up_and_ends_with_status_130(program: Path, sent: signal.Signals) -> None:
    if signal.getsignal(sent) is signal.SIG_IGN:
        pytest.skip("the tests run in the background, where a shell switches Ctrl-C off")
    process = start(program, "--number=3", "--do=wait")
    assert process.stdout.readline() == "waiting\n"

    process.send_signal(sent)
    stdout, stderr = process.communicate(timeout=60)

    assert (process.returncode, stdout) == (130, "tidied\n")
    assert stderr == "error: Interrupted. Earlier results are intact.\n"


def test_help_that_is_cut_short_ends_quietly(program: Path) -> None:
    process = start(program, "--helpshort")
    assert process.stdout is not None
    process.stdout.close()  # as `head` does
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 0


def test_what_was_typed_can_be_pasted_into_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(ROOT / "tools" / "search.py"), "--output=my arch.json"])
    assert typed_command() == "python tools/search.py '--output=my arch.json'"
    monkeypatch.setattr(sys, "argv", ["../train_main.py"])
    assert typed_command() == "python train_main.py"
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "my_program.py"), "--a=1"])
    assert typed_command() == "python my_program.py --a=1"
