"""An accuracy table that several processes measure."""

import shutil
from pathlib import Path

import pytest

from tests.support.repository import FIXTURES
from tests.support.spaces import PLUGINS_FLAG
from tests.support.without_tensorflow import error_line, run_without_tensorflow
from tests.support.workers import outputs, start_program

_PROGRAM = "tools/build_accuracy_table.py"


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURES / "earlier_state", tmp_path / "run"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--shard=3/2"], "Expected --shard=i/n with i from 1 to n, such as --shard=1/2. Received: --shard=3/2."),
        (["--shard=x"], "Received: --shard=x."),
        (["--shard=1/2", "--merge"], "Expected --shard or --merge. Received: both"),
        (["--merge"], "Expected shards of an accuracy table in "),
    ],
)
def test_what_cannot_be_measured_or_merged_is_told_before_tensorflow_loads(
    workdir: Path, flags: list[str], message: str
) -> None:
    result = run_without_tensorflow(_PROGRAM, PLUGINS_FLAG, f"--workdir={workdir}", *flags)
    assert message in error_line(result)


@pytest.mark.long
def test_two_processes_measure_the_table_that_one_does(workdir: Path) -> None:
    flags = [PLUGINS_FLAG, f"--workdir={workdir}"]
    sample = ["--num_archs=12", "--seed=3"]
    table = workdir / "accuracy_table.jsonl"
    commands = [[_PROGRAM, *flags, *sample, shard] for shard in ("--shard=1/2", "--shard=2/2")]
    processes = [start_program(command) for command in commands]
    for process, output in zip(processes, outputs(processes), strict=True):
        assert process.returncode == 0, output[-2000:]
        assert "6 subnets, top-1 " in output
    assert not table.exists()
    merged = run_without_tensorflow(_PROGRAM, *flags, "--merge")
    assert merged.returncode == 0, merged.stderr[-2000:]
    assert merged.stdout.startswith("12 subnets, top-1 ")
    content = table.read_bytes()
    table.unlink()

    alone = start_program([_PROGRAM, *flags, *sample])
    (output,) = outputs([alone])
    assert alone.returncode == 0, output[-2000:]
    assert table.read_bytes() == content

    (workdir / "accuracy_table.shard-2-of-2.jsonl").unlink()
    result = run_without_tensorflow(_PROGRAM, *flags, "--merge")
    command = f"python {_PROGRAM} {PLUGINS_FLAG} --workdir={workdir} {' '.join(sample)} --shard=2/2."
    assert f"Received: no file of 2/2. Bring it here, or measure it: {command}" in result.stderr
