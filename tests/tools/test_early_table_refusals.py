"""What is wrong with the tables of a run is said before TensorFlow is loaded."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ofa_tf.base.folder_lock import locked, locked_file
from ofa_tf.devices.host.host_device import HostDevice
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.search.accuracy_sampling import sample_archs
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.shards import Shard
from ofa_tf.training.phases import FULL
from ofa_tf.training.train_state import phase_folder
from ofa_tf.workflow.run import Run
from ofa_tf.workflow.trained_run import hash_file
from tests.support.repository import FIXTURES
from tests.support.spaces import MICRO, PLUGINS_FLAG
from tests.support.without_tensorflow import error_line, run_without_tensorflow

_BUILD = "tools/build_accuracy_table.py"
_NUM_ARCHS = 12
_SAMPLE = f"--num_archs={_NUM_ARCHS}"

_SEARCH = ["--max_macs=1e9"]
_FRONT = ["--front", "--front_costs=macs"]

_COUNTS = '"num_correct": ['


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURES / "earlier_state", tmp_path / "run"))


def _error_of(program: str, workdir: Path, *options: str) -> str:
    return error_line(run_without_tensorflow(program, PLUGINS_FLAG, f"--workdir={workdir}", *options))


def _table(workdir: Path, num_archs: int = _NUM_ARCHS, split: str = "search") -> AccuracyTable:
    """A table of a run's supernet, as if it had been measured."""
    genes = MICRO.encode(sample_archs(MICRO, num_archs, seed=0))
    num_correct = np.random.default_rng(0).integers(40, 60, (num_archs, 2))
    return AccuracyTable(MICRO, genes, num_correct, (72, 72), split, hash_file(workdir / "supernet.keras"))


def _shard_of(table: AccuracyTable, number: int) -> AccuracyTable:
    """One of two shards of a whole sample."""
    rows = np.arange(number - 1, len(table), 2)
    shard = Shard(number, 2, num_archs=len(table), seed=0)
    origin = {"split": table.split, "network": table.network, "shard": shard}
    return AccuracyTable(MICRO, table.genes[rows], table.num_correct[rows], table.num_images, **origin)


def _replace_in_line(path: Path, number: int, before: str, after: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    assert before in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(before, after)
    path.write_text("".join(lines))


# --- accuracy tables ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("line_number", "before", "after", "message"),
    [
        (3, _COUNTS, f"{_COUNTS}x", "Received: no JSON (Expecting value, at column "),
        (1, '"micro"', '"other"', "to be an accuracy table of micro. Received: one of 'other'."),
        (1, "accuracy_table/2", "accuracy_table/9", "Received: the schema 'ofa_tf/accuracy_table/9'. Delete the file"),
    ],
)
@pytest.mark.parametrize("shard", [None, "1/2"])
def test_an_accuracy_table_that_cannot_be_continued_is_refused(
    workdir: Path, shard: str | None, line_number: int, before: str, after: str, message: str
) -> None:
    table, path, options = _table(workdir), workdir / "accuracy_table.jsonl", [_SAMPLE]
    if shard is not None:
        table, path = _shard_of(table, 1), workdir / "accuracy_table.shard-1-of-2.jsonl"
        options.append(f"--shard={shard}")
    table.save(path)
    _replace_in_line(path, line_number, before, after)
    content = path.read_bytes()
    assert message in _error_of(_BUILD, workdir, *options)
    assert path.read_bytes() == content


def test_a_shard_of_another_sample_is_refused(workdir: Path) -> None:
    _shard_of(_table(workdir), 1).save(workdir / "accuracy_table.shard-1-of-2.jsonl")
    line = _error_of(_BUILD, workdir, "--shard=1/2", "--num_archs=14")
    expected, received = "--num_archs=14 --seed=0 --shard=1/2", "--num_archs=12 --seed=0 --shard=1/2"
    assert (
        f"to be of {expected}. Received: of {received}. Pass the same --num_archs and --seed, or delete the file."
        in line
    )


def test_more_shards_than_subnets_are_refused(workdir: Path) -> None:
    line = _error_of(_BUILD, workdir, "--shard=19/20", _SAMPLE)
    assert "Received: 12 subnets for 20 shards. Measure more, or in fewer shards." in line


@pytest.mark.parametrize("shard", [None, Shard(1, 2, _NUM_ARCHS, 0)])
def test_a_table_that_another_program_measures_is_refused(workdir: Path, shard: Shard | None) -> None:
    run = Run(workdir)
    path = run.accuracy_table_path if shard is None else run.shard_path(shard)
    options = [] if shard is None else ["--shard=1/2"]
    with locked_file(path):
        line = _error_of(_BUILD, workdir, _SAMPLE, *options)
    assert f"Expected {path} to have one writer at a time. Received: it is being written by process " in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--merge", _SAMPLE], "Expected --num_archs only without --merge, which takes what the shards say."),
        (["--merge", "--seed=0"], "Expected --seed only without --merge"),
        (["--shard=1/2", "--predictor=automatic"], "Expected --predictor only without --shard"),
    ],
)
def test_flags_without_effect_are_refused(workdir: Path, options: list[str], message: str) -> None:
    assert message in _error_of(_BUILD, workdir, *options)


def test_a_table_that_has_all_subnets_is_shown_without_loading_anything(workdir: Path) -> None:
    _table(workdir, 14).save(workdir / "accuracy_table.jsonl")
    result = run_without_tensorflow(_BUILD, PLUGINS_FLAG, f"--workdir={workdir}", _SAMPLE)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "nothing to measure: 12 of 12 subnets already there" in result.stderr
    assert "the table has 14 subnets, with those that it had before" in result.stdout


def test_a_shard_that_has_all_subnets_names_the_command_that_merges(workdir: Path) -> None:
    _shard_of(_table(workdir), 2).save(workdir / "accuracy_table.shard-2-of-2.jsonl")
    result = run_without_tensorflow(_BUILD, PLUGINS_FLAG, f"--workdir={workdir}", _SAMPLE, "--shard=2/2")
    assert result.returncode == 0, result.stderr[-2000:]
    assert "nothing to measure: 6 of 6 subnets already there" in result.stderr
    command = f"python {_BUILD} {PLUGINS_FLAG} --workdir={workdir} --merge"
    assert result.stdout.endswith(f"-2-of-2.jsonl\nNext, when all are there: {command}\n")


@pytest.mark.parametrize(
    "shorten",
    [
        lambda table: table.rows(np.arange(_NUM_ARCHS - 1)),  # a subnet is missing
        lambda table: AccuracyTable(MICRO, table.genes, table.num_correct, table.num_images, "search", "other"),
        lambda table: AccuracyTable(MICRO, table.genes, table.num_correct, table.num_images, "test", table.network),
    ],
)
def test_what_is_left_to_measure_needs_tensorflow(
    workdir: Path, shorten: Callable[[AccuracyTable], AccuracyTable]
) -> None:
    shorten(_table(workdir)).save(workdir / "accuracy_table.jsonl")
    result = run_without_tensorflow(_BUILD, PLUGINS_FLAG, f"--workdir={workdir}", _SAMPLE)
    assert result.returncode == 1
    assert "already" not in result.stderr
    assert "ModuleNotFoundError" in result.stderr


def test_workers_measure_together_whatever_is_there(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others, whose folders may have less, would wait for one that ends before it."""
    _table(workdir).save(workdir / "accuracy_table.jsonl")
    workers = {"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(workers))
    options = (PLUGINS_FLAG, f"--workdir={workdir}", _SAMPLE, "--distribution=multiworker")
    with locked_file(workdir / "accuracy_table.jsonl"):  # the first worker has begun
        result = run_without_tensorflow(_BUILD, *options)
    assert "ModuleNotFoundError" in result.stderr


def test_merging_keeps_and_tells_what_the_table_had(workdir: Path) -> None:
    whole = _table(workdir)
    path = workdir / "accuracy_table.jsonl"
    whole.rows(np.arange(10)).save(path)
    smaller = whole.rows(np.arange(8))
    for number in (1, 2):
        _shard_of(smaller, number).save(workdir / f"accuracy_table.shard-{number}-of-2.jsonl")
    result = run_without_tensorflow(_BUILD, PLUGINS_FLAG, f"--workdir={workdir}", "--merge")
    assert result.returncode == 0, result.stderr[-2000:]
    assert f"{path} had 10 subnets; the shards add 0" in result.stderr
    assert result.stdout.startswith("10 subnets, top-1 ")
    assert AccuracyTable.load(path, MICRO).num_correct.tolist() == whole.num_correct[:10].tolist()


# --- what searches measured ---------------------------------------------------------


@pytest.mark.parametrize(
    ("search", "split", "line_number", "before", "after", "message"),
    [
        (_SEARCH, "search", 3, _COUNTS, f"{_COUNTS}x", "Received: no JSON (Expecting value, at column"),
        (_SEARCH, "report", 1, "[72, 72]", "[99, 99]", "by the number in the accuracy table. Received: 198 images."),
        (_FRONT, "search", 1, "[72, 72]", "[99, 99]", "by the number in the accuracy table. Received: 198 images."),
        (_FRONT, "report", 3, _COUNTS, f"{_COUNTS}x", "Received: no JSON (Expecting value, at column"),
    ],
)
def test_measurements_that_a_search_cannot_take_are_refused(
    workdir: Path, search: list[str], split: str, line_number: int, before: str, after: str, message: str
) -> None:
    _table(workdir).save(workdir / "accuracy_table.jsonl")
    path = workdir / "search_measurements" / f"{split}_float32.jsonl"
    _table(workdir, split=split).save(path)
    _replace_in_line(path, line_number, before, after)
    line = _error_of("tools/search.py", workdir, *search, f"--output={workdir / 'a.json'}")
    assert f"{path} to " in line
    assert message in line


# --- the supernet -------------------------------------------------------------------


_NEEDS_SUPERNET = [
    (_BUILD, []),
    ("tools/build_latency_table.py", []),
    ("tools/evaluate.py", []),
    ("tools/search.py", ["--max_macs=1e9", "--output=a.json"]),
    ("tools/to_tflite.py", ["--arch=min", "--output=a.tflite"]),
]


@pytest.mark.parametrize(("program", "options"), _NEEDS_SUPERNET)
def test_a_run_without_a_supernet_is_refused(workdir: Path, program: str, options: list[str]) -> None:
    (workdir / "supernet.keras").unlink()
    line = _error_of(program, workdir, *options)
    assert f"Expected a trained supernet at {workdir / 'supernet.keras'}. Received: no such file." in line


@pytest.mark.parametrize(("program", "options"), [*_NEEDS_SUPERNET, (_BUILD, ["--merge"])])
def test_a_damaged_supernet_is_refused(workdir: Path, program: str, options: list[str]) -> None:
    path = workdir / "supernet.keras"
    path.write_bytes(path.read_bytes()[:-1000])
    _shard_of(_table(workdir), 1).save(Run(workdir).shard_path(Shard(1, 2, _NUM_ARCHS, 0)))
    line = _error_of(program, workdir, *options)
    assert f"Expected {path} to be a complete file. Received: a damaged one" in line


def test_a_supernet_that_is_being_trained_is_not_measured_many_times(workdir: Path) -> None:
    with locked(workdir):
        line = _error_of(_BUILD, workdir)
    assert "Received: it is being trained by process " in line


def test_a_run_that_is_not_finished_is_measured_with_a_warning(workdir: Path, capsys: pytest.CaptureFixture) -> None:
    run = Run(workdir)
    run.check_supernet()
    run.check_supernet()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: the training in {workdir} is not finished (kernel, depth_1, depth_2, width_1, ")
    assert line.endswith(f"python train_main.py --phase=all --resume --workdir={workdir} (and the same other flags).")
    with locked(workdir):
        Run(workdir).check_supernet()
    (line,) = capsys.readouterr().err.splitlines()
    assert "It is being trained by process " in line

    last_phase = run.config.run_phases[-1]
    shutil.copytree(phase_folder(workdir, FULL), phase_folder(workdir, last_phase))
    Run(workdir).check_supernet()
    shutil.rmtree(workdir / "checkpoints")  # what nothing is known of is not warned of
    Run(workdir).check_supernet()
    assert capsys.readouterr().err == ""


# --- latency tables -----------------------------------------------------------------


def test_a_latency_table_of_other_settings_is_not_replaced(workdir: Path) -> None:
    path = workdir / "latency_tables" / "host_float32.json"
    device = {**HostDevice().describe().to_dict(), "num_threads": 1}
    LatencyTable(MICRO, 3, "float32", device, {}, (16,), 0.1, {}).save(path)
    before = path.read_bytes()
    line = _error_of("tools/build_latency_table.py", workdir, "--num_threads=2")
    assert f"Expected the latency table {path} to have been measured with num_threads=2" in line
    assert path.read_bytes() == before
