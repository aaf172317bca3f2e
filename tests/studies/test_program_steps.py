import datetime
import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.studies.program_steps import ProgramSteps
from tests.support.repository import ROOT

# Notes each call with its arguments, and fails once for each file "fail" that it finds.
_PROGRAM = """
import pathlib, sys
folder = pathlib.Path(__file__).parent
with open(folder / "calls", "a") as stream:
    print(*sys.argv[1:], file=stream)
if (folder / "fail").exists():
    (folder / "fail").unlink()
    print("half way")
    sys.exit("error: no more paper")
"""

_SLEEPER = """
import pathlib, sys, time
pathlib.Path(__file__).with_name("started").touch()
try:
    time.sleep(60)
finally:
    pathlib.Path(__file__).with_name("put_in_order").touch()
"""

_STUDY = """
import signal, sys
from ofa_tf.studies.program_steps import ProgramSteps
signal.signal(signal.SIGTERM, signal.default_int_handler)
ProgramSteps(sys.argv[1]).run("sleep", sys.argv[2])
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(_PROGRAM)
    return path


def _calls(program: Path) -> list[str]:
    return program.with_name("calls").read_text().splitlines()


def test_a_finished_step_is_not_done_again(program: Path, tmp_path: Path) -> None:
    first = ProgramSteps(tmp_path / "study").run("count", str(program), "--to=3")
    again = ProgramSteps(tmp_path / "study").run("count", str(program), "--to=3")
    assert _calls(program) == ["--to=3"]
    assert again == first
    assert first.is_finished
    assert first.command == f"python {program} --to=3"
    assert ProgramSteps(tmp_path / "study").records() == [first]


def test_the_command_of_a_step_can_be_pasted(program: Path, tmp_path: Path) -> None:
    record = ProgramSteps(tmp_path / "study").run("count", str(program), "--to=my photos", "--seed=1")
    assert shlex.split(record.command) == ["python", str(program), "--to=my photos", "--seed=1"]
    assert _calls(program) == ["--to=my photos --seed=1"]


def test_records_are_in_the_order_in_which_steps_ended_and_have_the_time(program: Path, tmp_path: Path) -> None:
    steps = ProgramSteps(tmp_path / "study")
    begin = datetime.datetime.now(datetime.timezone.utc)
    for name in ("train", "evaluate", "benchmark"):
        steps.run(name, str(program))
    end = datetime.datetime.now(datetime.timezone.utc)
    records = steps.records()
    assert [record.name for record in records] == ["train", "evaluate", "benchmark"]
    times = [datetime.datetime.fromisoformat(record.ended_at) for record in records]
    assert begin < times[0] < times[1] < times[2] < end


def test_a_record_of_an_earlier_version_is_read_and_its_step_not_done_again(program: Path, tmp_path: Path) -> None:
    steps = ProgramSteps(tmp_path / "study")
    for name in ("train", "evaluate"):
        steps.run(name, str(program))
    path = tmp_path / "study" / "steps" / "evaluate.json"
    document = json.loads(path.read_text())
    del document["ended_at"]
    path.write_text(json.dumps(document))
    assert steps.run("evaluate", str(program)).ended_at == ""
    assert [record.name for record in steps.records()] == ["evaluate", "train"]
    assert len(_calls(program)) == 2


def test_a_step_that_is_done_is_not_done_with_other_arguments(program: Path, tmp_path: Path) -> None:
    steps = ProgramSteps(tmp_path / "study")
    steps.run("count", str(program), "--to=3")
    with pytest.raises(InputError, match=r"done: python .* --to=3\. Received: python .* --to=4\. Use the earlier"):
        steps.run("count", str(program), "--to=4")
    assert _calls(program) == ["--to=3"]


def test_a_step_that_failed_can_be_called_with_arguments_that_do_better(program: Path, tmp_path: Path) -> None:
    program.with_name("fail").touch()
    steps = ProgramSteps(tmp_path / "study")
    with pytest.raises(InputError, match="to succeed"):
        steps.run("count", str(program), "--to=3")
    finished = steps.run("count", str(program), "--to=4")
    assert finished.is_finished
    assert finished.command.endswith(" --to=4")
    assert _calls(program) == ["--to=3", "--to=4"]


def test_a_step_that_fails_says_why_and_goes_on_when_called_again(program: Path, tmp_path: Path) -> None:
    program.with_name("fail").touch()
    steps = ProgramSteps(tmp_path / "study")
    with pytest.raises(InputError, match=r"the step count to succeed\. Received: exit status 1, error: no more paper"):
        steps.run("count", str(program))
    (failed,) = steps.records()
    assert not failed.is_finished
    finished = steps.run("count", str(program))
    assert finished.is_finished
    assert finished.seconds >= failed.seconds
    assert len(_calls(program)) == 2
    assert "half way" in (tmp_path / "study" / "logs" / "count.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_stops_a_study_stops_its_program_which_puts_its_things_in_order(
    number: signal.Signals, tmp_path: Path
) -> None:
    sleeper = tmp_path / "sleeper.py"
    sleeper.write_text("import signal\nsignal.signal(signal.SIGTERM, signal.default_int_handler)\n" + _SLEEPER)
    command = [sys.executable, "-c", _STUDY, str(tmp_path / "study"), str(sleeper)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as study:
        while not (tmp_path / "started").exists():
            time.sleep(0.05)
        study.send_signal(number)
    assert (tmp_path / "put_in_order").exists()
    (record,) = ProgramSteps(tmp_path / "study").records()
    assert not record.is_finished
    assert record.seconds > 0


# Works on two processes, one after the other, for half a second of processor time each.
_WORKER = """
import subprocess, sys, time
def work():
    while time.process_time() < 0.5:
        pass
if len(sys.argv) > 1:
    subprocess.run([sys.executable, __file__], check=True)
work()
"""


def test_a_record_has_the_processor_time_of_the_program_and_of_those_that_it_started(tmp_path: Path) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text(_WORKER)
    steps = ProgramSteps(tmp_path / "study")
    alone = steps.run("alone", str(worker))
    assert alone.processor_seconds >= 0.5
    with_another = steps.run("with_another", str(worker), "--with_another")
    assert with_another.processor_seconds >= 1.0
    assert steps.run("alone", str(worker)) == alone


def test_the_processor_time_of_a_step_that_failed_counts(program: Path, tmp_path: Path) -> None:
    program.write_text("import time\nwhile time.process_time() < 0.5: pass\n" + _PROGRAM)
    program.with_name("fail").touch()
    steps = ProgramSteps(tmp_path / "study")
    with pytest.raises(InputError):
        steps.run("count", str(program))
    finished = steps.run("count", str(program))
    assert finished.processor_seconds >= 1.0
