"""Shards that are measured by a formula; real processes measure in tests/tools/test_shards.py."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.shard_merging import merge_shards
from ofa_tf.search.shards import Shard
from ofa_tf.space.arch import Arch
from ofa_tf.workflow.accuracy import measure_accuracies
from tests.support.spaces import MICRO

_NUM_ARCHS = 11


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


def test_a_shard_is_resumed(tmp_path: Path) -> None:
    paths = _shards(tmp_path)
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[: int(len(whole) * 0.8)])
    with pytest.raises(InputError, match=rf"Expected {paths[1]} to hold the 4 subnets of its shard. Received: [123], "):
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
        (lambda header: header["shard"].update(number=1), "Received: none of --shard=2/3"),
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


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    paths = _shards(tmp_path)
    with pytest.raises(InputError, match=r"Expected all 3 shards of the accuracy table. Received: none of --shard=2/3"):
        merge_shards([paths[0], paths[2]], tmp_path / "merged.jsonl", MICRO, "net")
    with pytest.raises(InputError, match=f"Expected shards of an accuracy table in {tmp_path}. Received: none"):
        merge_shards([], tmp_path / "merged.jsonl", MICRO, "net")


@pytest.mark.parametrize("text", ["x", "3/2", "0/2", "1", "1/2/3", "-1/2", "1/0", "", "1/2 "])
def test_a_shard_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=f"Expected --shard=i/n .* Received: --shard={text}"):
        Shard.parse(text, 10, 0)
    assert Shard.parse("2/3", 10, 0).select(range(8)) == [1, 4, 7]
