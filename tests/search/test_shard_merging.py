"""Shards that are measured by a formula; real processes measure in tests/tools/test_shards.py."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import locked_file
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.shard_merging import merge_shards
from ofa_tf.search.shards import Shard
from ofa_tf.space.arch import Arch
from ofa_tf.workflow.accuracy import measure_accuracies
from tests.support.spaces import MICRO

_NUM_ARCHS = 11
_PROGRAM = "python tools/build_accuracy_table.py"


def _measure(arch: Arch) -> AccuracyCount:
    genes = MICRO.encode(arch)
    return AccuracyCount((int(genes.sum()), int(genes[0])), (30, 29))


def _build(path: Path, shard: Shard | None, num_archs: int = _NUM_ARCHS) -> AccuracyTable:
    return measure_accuracies(
        MICRO, _measure, lambda: "net", path, num_archs=num_archs, seed=4, shard=shard, is_writer=True
    )


def _shards(folder: Path, count: int = 3) -> list[Path]:
    paths = []
    for number in range(1, count + 1):
        path = folder / f"shard{number}.jsonl"
        _build(path, Shard(number, count, _NUM_ARCHS, 4))
        paths.append(path)
    return paths


@pytest.mark.parametrize("num_known", [0, 5])
def test_merged_shards_are_what_one_process_measures(tmp_path: Path, num_known: int) -> None:
    alone, merged = tmp_path / "alone.jsonl", tmp_path / "merged.jsonl"
    if num_known:  # begun before, by one process
        _build(alone, None, num_known)
        _build(merged, None, num_known)
    _build(alone, None)
    paths = _shards(tmp_path)
    table = merge_shards(paths[::-1], merged, MICRO, "net")
    assert merged.read_bytes() == alone.read_bytes()
    assert len(table) == _NUM_ARCHS


def test_it_is_told_what_the_table_had_and_what_the_shards_add(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    merged = tmp_path / "merged.jsonl"
    _build(merged, None, 1)
    paths = _shards(tmp_path)
    capsys.readouterr()
    merge_shards(paths, merged, MICRO, "net")
    assert capsys.readouterr().err == f"{merged} had 1 subnet; the shards add {_NUM_ARCHS - 1}\n"


def test_a_shard_is_resumed(tmp_path: Path) -> None:
    paths = _shards(tmp_path)
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[: int(len(whole) * 0.8)])
    command = (
        f"python tools/build_accuracy_table.py --workdir={tmp_path} --num_archs={_NUM_ARCHS} --seed=4 --shard=2/3."
    )
    message = rf"{paths[1]} to hold the 4 subnets of its shard. Received: [123] of them. Measure the others: {command}"
    with pytest.raises(InputError, match=message):
        merge_shards(paths, tmp_path / "merged.jsonl", MICRO, "net")
    _build(paths[1], Shard(2, 3, _NUM_ARCHS, 4))
    assert paths[1].read_bytes() == whole


def _change_header(path: Path, change: Callable[[dict], object]) -> None:
    header, *lines = path.read_text().splitlines()
    values = json.loads(header)
    change(values)
    path.write_text("\n".join([json.dumps(values), *lines]) + "\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header: header.update(network="x"), "of the supernet beside it. Received: one of another supernet"),
        (lambda header: header.update(split="report"), "the same split. Received: search in .*, report in"),
        (lambda header: header.update(num_images=[30, 30]), "the same images. Received: 59 in .*, 60 in"),
        (lambda header: header["shard"].update(seed=5), "the same --seed. Received: 4 in .*, 5 in"),
        (lambda header: header["shard"].update(num_archs=12), "the same --num_archs. Received: 11 in .*, 12 in"),
        (lambda header: header["shard"].update(count=4), "the same shards. Received: 3 in .*, 4 in"),
        (lambda header: header["shard"].update(number=1), "Expected each shard .* --shard=1/3 in .*1.jsonl and in .*2"),
        (lambda header: header["shard"].update(number=3), "Expected each shard .* --shard=3/3 in .*2.jsonl and in .*3"),
        (lambda header: header.pop("shard"), "to be a shard. Received: a whole table"),
    ],
)
def test_shards_that_do_not_belong_together_are_refused(
    tmp_path: Path, change: Callable[[dict], object], message: str
) -> None:
    paths = _shards(tmp_path)
    _change_header(paths[1], change)
    with pytest.raises(InputError, match=message):
        merge_shards(paths, tmp_path / "merged.jsonl", MICRO, "net")
    assert not (tmp_path / "merged.jsonl").exists()


def test_shards_of_other_subnets_are_refused(tmp_path: Path) -> None:
    paths = _shards(tmp_path)
    for path in paths:
        _change_header(path, lambda header: header["shard"].update(seed=5))
    command = (
        f"python tools/build_accuracy_table.py --workdir={tmp_path} --num_archs={_NUM_ARCHS} --seed=5 --shard=1/3."
    )
    message = rf"{paths[0]} to hold the 4 subnets of its shard. Received: \d others. Delete it, and .* again: {command}"
    with pytest.raises(InputError, match=message):
        merge_shards(paths, tmp_path / "merged.jsonl", MICRO, "net")


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    paths = _shards(tmp_path)
    command = (
        f"python tools/build_accuracy_table.py --workdir={tmp_path} --num_archs={_NUM_ARCHS} --seed=4 --shard=2/3."
    )
    message = rf"Expected all 3 shards of the accuracy table. Received: no file of 2/3. .* or measure it: {command}"
    with pytest.raises(InputError, match=message):
        merge_shards([paths[0], paths[2]], tmp_path / "merged.jsonl", MICRO, "net")
    message = rf"Expected shards of an accuracy table in {tmp_path}. Received: none. .* --workdir={tmp_path} "
    with pytest.raises(InputError, match=message):
        merge_shards([], tmp_path / "merged.jsonl", MICRO, "net")
    with pytest.raises(InputError, match=r" '--workdir=my runs' --num_archs=100 --shard=1/2 "):
        merge_shards([], Path("my runs", "merged.jsonl"), MICRO, "net")


def test_shards_do_not_come_into_a_table_of_other_images(tmp_path: Path) -> None:
    merged = tmp_path / "merged.jsonl"
    _build(merged, None)
    _change_header(merged, lambda header: header.update(num_images=[50, 50]))
    before = merged.read_bytes()
    with pytest.raises(InputError, match=rf"on 100 images, .* Received: 59 images. .* delete {merged} to"):
        merge_shards(_shards(tmp_path), merged, MICRO, "net")
    assert merged.read_bytes() == before


def test_shards_that_contradict_the_table_are_refused(tmp_path: Path) -> None:
    merged = tmp_path / "merged.jsonl"
    _build(merged, None, 5)
    header, *lines = merged.read_text().splitlines()
    entry = json.loads(lines[1])
    entry["num_correct"][1] += 1
    lines[1] = json.dumps(entry)
    merged.write_text("\n".join([header, *lines]) + "\n")
    before = merged.read_bytes()
    paths = _shards(tmp_path)
    # Archs go to the shards in turn.
    message = (
        rf"Expected {merged} and {paths[1]} to have the same counts of each subnet. "
        r"Received: different ones of 1 subnet\. "
    )
    with pytest.raises(InputError, match=message):
        merge_shards(paths, merged, MICRO, "net")
    assert merged.read_bytes() == before


def test_shards_do_not_come_into_a_table_that_another_program_writes(tmp_path: Path) -> None:
    merged = tmp_path / "merged.jsonl"
    paths = _shards(tmp_path)
    with locked_file(merged), pytest.raises(InputError, match=rf"{merged} .*process "):
        merge_shards(paths, merged, MICRO, "net")
    assert not merged.exists()


def test_a_table_of_another_supernet_is_kept_when_shards_replace_it(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    merged = tmp_path / "merged.jsonl"
    _build(merged, None, 5)
    _change_header(merged, lambda header: header.update(network="an earlier one"))
    before = merged.read_bytes()
    paths = _shards(tmp_path)
    capsys.readouterr()
    assert len(merge_shards(paths, merged, MICRO, "net")) == _NUM_ARCHS
    assert (tmp_path / "merged.jsonl.of_an_earli").read_bytes() == before
    told = f"{merged} is begun anew: it was of another supernet (5 subnets), and is kept as merged.jsonl.of_an_earli\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("text", ["x", "3/2", "0/2", "1", "1/2/3", "-1/2", "1/0", "", "1/2 "])
def test_a_shard_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=f"Expected --shard=i/n .* Received: --shard={text}"):
        Shard.parse(text, 10, 0)
    assert Shard.parse("2/3", 10, 0).select(range(8)) == [1, 4, 7]
