"""The programs are started by their absolute paths, from a folder that has nothing to do with the project."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import FIXTURES, ROOT

_PROGRAMS = ["train_main.py", *(f"tools/{path.name}" for path in sorted((ROOT / "tools").glob("*.py")))]


def _run(*command: object, folder: Path) -> subprocess.CompletedProcess:
    """Run Python in a folder, without help from outside to find the package."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("program", _PROGRAMS)
def test_a_program_uses_the_package_of_its_own_clone(program: str, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    (clone / "tools").mkdir(parents=True)
    (clone / "ofa_tf").mkdir()
    shutil.copy(ROOT / program, clone / program)
    (clone / "ofa_tf" / "__init__.py").write_text("raise SystemExit('this is the package of the clone')\n")
    result = _run(clone / program, folder=tmp_path)
    assert result.stderr == "this is the package of the clone\n"


@pytest.mark.parametrize("program", ["train_main.py", "tools/evaluate.py"])
def test_a_program_explains_itself_wherever_it_is_started(program: str, tmp_path: Path) -> None:
    result = _run(ROOT / program, "--helpshort", folder=tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]
    assert f"python {program}" in result.stdout


def test_a_flagfile_and_a_workdir_are_the_user_s_own(tmp_path: Path) -> None:
    (tmp_path / "mine.cfg").write_text("--batch_size=0\n")
    result = _run(ROOT / "train_main.py", "--flagfile=mine.cfg", folder=tmp_path)
    assert result.returncode == 1
    assert "Received: batch_size=0" in result.stderr
    result = _run(ROOT / "tools" / "evaluate.py", "--workdir=mine", folder=tmp_path)
    assert result.returncode == 1
    assert "Expected a file at mine/train_config.json. Received: no such file." in result.stderr


@pytest.mark.long
def test_a_run_is_measured_from_any_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("train_config.json", "supernet.keras"):
        shutil.copy(FIXTURES / "earlier_state" / name, run / name)
    config = json.loads((run / "train_config.json").read_text())
    plugins = [str(ROOT / "tests" / "support" / "spaces.py")]
    (run / "train_config.json").write_text(json.dumps({**config, "plugins": plugins}))
    arguments = ("--workdir=run", "--arch=min", "--split=validation", "--output=top1.json")
    result = _run(ROOT / "tools" / "evaluate.py", *arguments, folder=tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]
    (entry,) = json.loads((tmp_path / "top1.json").read_text())["results"]
    assert f"{entry['top1']:.2%}" in result.stdout
